// The page /inbox/: goes on with the key this browser holds, or says how to get one.

import { calm } from "./calm.js";
import * as keystore from "./keystore.js";
import { start } from "./main.js";
import { say, speak } from "./words.js";

async function open() {
  const main = document.getElementById("main");
  if (!globalThis.crypto?.subtle || !globalThis.indexedDB) return main.replaceChildren(calm("old"));
  const device = await keystore.load();
  if (!device) return main.replaceChildren(calm("unknown", { key: "recover", href: "/inbox/recover" }));
  document.title = say("messages");
  start(device);
}

speak();
open();
