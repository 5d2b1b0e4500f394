// simple-hl7: listens on 127.0.0.1, prints its port, and acknowledges what it gets as it thinks right; ends with its standard input.
import net from "node:net";
import { installed } from "./installed.mjs";

// it can be told the port alone, and would listen to the whole network
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port) {
  return listen.call(this, { port, host: "127.0.0.1" }, () => console.log(this.address().port));
};

const app = installed("simple-hl7").tcp();
app.use((request, response) => response.end());
app.start(0);
process.stdin.on("end", () => process.exit(0)).resume();
