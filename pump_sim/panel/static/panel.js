"use strict";
// Keeps a screen true by server-sent events, sends forms without leaving the page, and reads a hand scanner wherever the focus is.
// Without it every form works as a plain form, and the page says that it is not live.
(() => {
  const SILENT_MS = 12000; // the server gives a sign of life every 4 s
  const SCANNER_MS = 30; // a person does not type so fast
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

  const draw = (html) => {
    const focused = document.activeElement && document.activeElement.id;
    const fresh = document.createElement("div");
    fresh.innerHTML = html; // from our own server, with every value escaped; the policy lets no other script run
    patch(screen, fresh);
    mark();
    filter();
    const gone = document.activeElement === document.body || document.activeElement === null;
    const again = focused && document.getElementById(focused);
    if (gone && again && !again.disabled) again.focus({ preventScroll: true });
    else if (gone && focused) ready();
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
  events.addEventListener("screen", (event) => draw(event.data));
  events.addEventListener("alive", () => live(true));
  events.addEventListener("error", () => live(false));
  setInterval(() => Date.now() - heard > SILENT_MS && live(false), 1000);

  // ── forms ──

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form));
    if (form === scan?.form) form.reset(); // here alone: the next badge may be half typed when this one is answered
    const sentFrom = document.activeElement;
    let answer;
    try {
      answer = await fetch(form.action, { method: "POST", headers: { "X-Fragment": "1" }, body });
    } catch {
      live(false);
      return;
    }
    if (!answer.ok) {
      live(false);
      return;
    }
    const isDone = !answer.headers.get("X-Refused");
    if (isDone && form !== scan?.form) form.reset();
    const opened = form.closest("details.asking");
    draw(await answer.text());
    if (isDone && opened && !opened.classList.contains("hands") && !opened.classList.contains("whole")) opened.open = false;
    const entering = isDone && form.closest(".entering");
    const next = entering && document.getElementById(entering.id)?.querySelector(".missing input.number");
    if (isElsewhere(sentFrom)) return;
    if (next) next.focus();
    else if (isDone) ready();
  });

  // The event draws the screen before the answer is here: a person who saw it may be typing a dose by now.
  const isElsewhere = (sentFrom) => {
    const at = document.activeElement;
    return ![sentFrom, document.body, scan].includes(at) || (at === scan && scan.value !== "");
  };

  const ready = () => {
    if (!scan) return;
    scan.inputMode = "none"; // no keyboard slides over the screen of a phone; a touch on the box brings it
    scan.focus({ preventScroll: true });
  };
  if (scan) scan.addEventListener("pointerdown", () => (scan.inputMode = "text"));

  // ── scanner and keys ──

  const typing = { in: null, began: 0, count: 0, last: 0 };
  const isText = (element) => element && element.matches("input:not([type=radio]):not([type=checkbox]):not([type=hidden]), textarea");

  document.addEventListener("keydown", (event) => {
    if (!scan) return;
    if (event.altKey && !event.ctrlKey && !event.metaKey) {
      if (shortcut(event.code)) event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey) return;
    const now = performance.now();
    const at = document.activeElement;
    if (event.key.length === 1) {
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
