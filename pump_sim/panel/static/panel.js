"use strict";
// Keeps a screen true by server-sent events, sends forms without leaving the page, and reads a hand scanner wherever the focus is.
// Without it every form works as a plain form, and the page says that it is not live.
(() => {
  const SILENT_MS = 12000; // the server gives a sign of life every 4 s
  const SCANNER_MS = 30; // a person does not type so fast
  const ANSWER_MS = 20000; // what is not answered by then is not known to be done
  const PAUSE_MS = 1000; // who types on meanwhile has not seen what changed
  const NOT_READ = "Not read. Scan it again.";
  const screen = document.getElementById("screen");
  const scan = document.getElementById("scan");
  const stale = document.getElementById("stale");
  let heard = Date.now();
  let inHand = "";

  // ── the screen as it is now, in place: what is being typed, what is open and where the focus is stay ──

  const attributes = (old, fresh) => {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
  };

  const isSame = (old, fresh) => old.nodeName === fresh.nodeName && (old.id || "") === (fresh.id || "");

  const patch = (old, fresh) => {
    let at = old.firstChild;
    for (const want of [...fresh.childNodes]) {
      let have = at;
      if (want.id) have = [...old.childNodes].find((each) => isSame(each, want)) || null;
      else if (have && !isSame(have, want)) have = null;
      if (!have) {
        old.insertBefore(want, at);
        continue;
      }
      if (have === at) at = at.nextSibling;
      else old.insertBefore(have, at);
      if (have.nodeType === Node.TEXT_NODE) {
        if (have.data !== want.data) have.data = want.data;
      } else if (have.nodeType === Node.ELEMENT_NODE) {
        attributes(have, want);
        patch(have, want);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  };

  let latest = 0; // answers and events come by different ways: the older screen may come later

  const show = (html, number) => {
    if (number <= latest) return;
    latest = number;
    draw(html);
  };

  const draw = (html) => {
    const from = document.activeElement;
    const focused = document.activeElement && document.activeElement.id;
    const fresh = document.createElement("div");
    fresh.innerHTML = html; // from our own server, with every value escaped; the policy lets no other script run
    patch(screen, fresh);
    mark();
    filter();
    const gone = document.activeElement === document.body || document.activeElement === null;
    const again = focused && document.getElementById(focused);
    if (gone && again && !again.disabled) again.focus({ preventScroll: true });
    else if (gone && focused) {
      if (typing.in === from && performance.now() - typing.last < PAUSE_MS) typing.lostAt = performance.now();
      ready();
    }
    live(true);
  };

  // ── live, or said to be not ──

  const live = (isLive) => {
    if (isLive) heard = Date.now();
    if (stale.hidden === isLive) return;
    stale.hidden = isLive;
    document.body.classList.toggle("is-stale", !isLive);
    if (!isLive) document.getElementById("stale-since").textContent = new Date(heard).toLocaleTimeString();
  };

  const events = new EventSource(document.body.dataset.events);
  events.addEventListener("error", () => (latest = 0)); // a server that is started anew counts anew
  events.addEventListener("screen", (event) => show(event.data, Number(event.lastEventId)));
  events.addEventListener("alive", () => live(true));
  events.addEventListener("error", () => live(false));
  setInterval(() => Date.now() - heard > SILENT_MS && live(false), 1000);

  // ── forms ──

  let hands = 0; // keys and touches of a person: an answer moves the focus only of somebody who waited for it
  for (const kind of ["keydown", "pointerdown"]) document.addEventListener(kind, () => (hands += 1), true);

  let entered = Promise.resolve(); // values go one after the other: the one that was typed later stands. A press goes at once, whatever else hangs.

  document.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    const body = new URLSearchParams(new FormData(form));
    const at = { hands, time: performance.now() };
    if (form === scan?.form) form.reset(); // here alone: the next badge may be half typed when this one is answered
    typing.in = null; // what it held is whole
    waits(1);
    const go = () => send(form, body, at).finally(() => waits(-1));
    if (form.matches(".value")) entered = entered.then(go, go);
    else go();
  });

  let waiting = 0;
  const waits = (more) => {
    waiting += more;
    document.body.classList.toggle("waits", waiting > 0);
  };

  const send = async (form, body, at) => {
    const isScan = form === scan?.form;
    if (form.matches(".value") && performance.now() - at.time > PAUSE_MS) { // the pump may be another by now: a person decides anew
      tell("unsent", "The value was not sent. Look at the pump, then enter it again.");
      return;
    }
    let answer, html;
    try {
      answer = await fetch(form.action, { method: "POST", headers: { "X-Fragment": "1" }, body, signal: AbortSignal.timeout(ANSWER_MS) });
      if (!answer.ok) throw new Error(answer.statusText);
      html = await answer.text();
    } catch {
      live(false);
      if (isScan) tell("unread", NOT_READ);
      else tell("unsent", "It is not known whether this was done. Look at the pump, then press again.");
      return;
    }
    tell(isScan ? "unread" : "unsent", "");
    const isDone = !answer.headers.get("X-Refused");
    const isAsSent = String(new URLSearchParams(new FormData(form))) === String(body);
    if (isDone && !isScan && isAsSent) form.reset(); // not what is being typed anew
    const opened = form.closest("details.asking");
    const entering = isDone && form.closest(".entering");
    show(html, Number(answer.headers.get("X-Screen")));
    if (hands !== at.hands) return; // who saw it by the event types on already
    if (isDone && opened && !opened.classList.contains("hands") && !opened.classList.contains("whole")) opened.open = false;
    const next = entering && document.getElementById(entering.id)?.querySelector(".missing input.number");
    if (next) next.focus();
    else if (isDone) ready();
  };

  const tell = (id, words) => {
    const place = document.getElementById(id);
    if (!place) return;
    place.textContent = words;
    place.hidden = !words;
  };

  const ready = () => {
    if (!scan) return;
    scan.inputMode = "none"; // no keyboard slides over the screen of a phone; a touch on the box brings it
    scan.focus({ preventScroll: true });
  };
  if (scan) scan.addEventListener("pointerdown", () => (scan.inputMode = "text"));

  // ── scanner and keys ──

  const typing = { in: null, began: 0, count: 0, last: 0, lostAt: -Infinity };
  const isText = (element) => element && element.matches("input:not([type=radio]):not([type=checkbox]):not([type=hidden]), textarea");

  document.addEventListener("keydown", (event) => {
    if (!scan) return;
    if (event.altKey || event.key === "Tab" || event.key === "Escape") typing.lostAt = -Infinity; // who goes elsewhere has seen it
    if (event.altKey && !event.ctrlKey && !event.metaKey) {
      if (shortcut(event.code)) event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey) return;
    const now = performance.now();
    const at = document.activeElement;
    if (now - typing.lostAt < PAUSE_MS && (at === scan || at === document.body) && (event.key.length === 1 || event.key === "Enter")) {
      typing.lostAt = event.key === "Enter" ? -Infinity : now; // the rest of a dose is no badge
      if (event.key === "Enter") tell("unread", NOT_READ); // and if it was one, it is not taken for read
      event.preventDefault();
    } else if (event.key.length === 1) {
      if (!isText(at) && event.key !== " " && !(at && at.matches("select"))) scan.focus({ preventScroll: true }); // a scan never ends on a key
      const into = document.activeElement;
      if (typing.in !== into || now - typing.last > 200) Object.assign(typing, { in: into, began: now, count: 0 });
      typing.count += 1;
      typing.last = now;
    } else if (event.key === "Enter" && isText(at) && at !== scan && !at.name.endsWith("badge") && typing.in === at) {
      if (typing.count > 2 && (typing.last - typing.began) / typing.count < SCANNER_MS) { // a scanner: no value is ever typed by one
        event.preventDefault();
        scan.value = at.value.slice(-typing.count);
        at.value = at.value.slice(0, -typing.count);
        scan.form.requestSubmit();
      }
    } else if (event.key === "Escape") {
      const opened = at && at.closest("details.asking[open]");
      if (opened) opened.open = false;
      ready();
    }
  });

  const shortcut = (code) => {
    if (/^Digit[1-9]$/.test(code)) {
      const channel = screen.querySelector(`.channel[data-place="${code.slice(5)}"]`);
      if (!channel) return false;
      inHand = channel.id;
      mark();
      channel.scrollIntoView({ block: "nearest" });
      return true;
    }
    if (!/^Key[A-Z]$/.test(code)) return false;
    const key = [...screen.querySelectorAll(`#${CSS.escape(inHand)} [data-shortcut="${code.slice(3)}"]`)].find((each) => !each.disabled);
    if (!key) return false;
    key.click();
    if (key.matches("summary")) {
      const first = key.parentElement.open && key.parentElement.querySelector(".asked input:not([type=hidden])");
      (first || key).focus();
    }
    return true;
  };

  const mark = () => {
    const channels = [...screen.querySelectorAll(".channel")];
    if (!channels.some((each) => each.id === inHand)) inHand = channels.length ? channels[0].id : "";
    for (const each of channels) each.classList.toggle("in-hand", each.id === inHand && channels.length > 1);
  };

  document.addEventListener("focusin", (event) => {
    const channel = event.target.closest(".channel");
    if (channel) {
      inHand = channel.id;
      mark();
    }
  });

  const filter = () => {
    for (const find of document.querySelectorAll("input.find")) {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of document.querySelectorAll(`#${CSS.escape(find.dataset.list)} label[id]`)) {
        row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
      }
    }
  };
  document.addEventListener("input", (event) => event.target.matches("input.find") && filter());

  mark();
  if (scan) scan.inputMode = "none"; // the page gives it the focus
})();
