// simple-hl7: sends COUNT messages on one connection to 127.0.0.1:PORT; prints "MSA-1 MSA-2" of each answer.
// A third and a fourth argument are MSH-3 and MSH-4.
import { installed } from "./installed.mjs";

const hl7 = installed("simple-hl7");
const [port, count] = process.argv.slice(2).map(Number);
const [application = "BEDSIDE", facility = "NORTH"] = process.argv.slice(4);
const client = hl7.Server.createTcpClient({ host: "127.0.0.1", port, keepalive: true });

const order = (number) =>
  new hl7.Message(application, facility, "GATEWAY", "", "20260302101500+0100", "", ["RGV", "O15", "RGV_O15"], `S${number}`, "P", "2.6");

function next(number) {
  client.send(order(number), (error, answer) => {
    if (error) throw error;
    const msa = answer.getSegment("MSA");
    console.log(msa.getField(1), msa.getField(2));
    // it is ready for the next message only after this callback
    setImmediate(() => (number < count ? next(number + 1) : client.close()));
  });
}
next(1);
