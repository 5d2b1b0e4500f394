// node-hl7-client: builds and sends COUNT messages on one connection to 127.0.0.1:PORT; prints "MSA-1 MSA-2" of each answer.
// A third and a fourth argument are MSH-3 and MSH-4.
import { installed } from "./installed.mjs";

const { default: Client, HL7_2_6 } = installed("node-hl7-client");
const [port, count] = process.argv.slice(2).map(Number);
const [application = "BEDSIDE", facility = "NORTH"] = process.argv.slice(4);

const order = (number) =>
  new HL7_2_6()
    .buildMSH({ msh_3: application, msh_4: facility, msh_5: "GATEWAY", msh_6: "", msh_9_1: "RGV", msh_9_2: "O15", msh_10: `N${number}`, msh_11_1: "P" })
    .toMessage();

let sent = 1;
const connection = new Client({ host: "127.0.0.1", version: "2.6" }).createConnection({ port }, async (response) => {
  const answer = response.getMessage();
  console.log(answer.get("MSA.1").toString(), answer.get("MSA.2").toString());
  if (sent < count) await connection.sendMessage(order(++sent));
  else process.exit(0); // its close() leaves timers behind that keep the process
});
await connection.sendMessage(order(sent));
