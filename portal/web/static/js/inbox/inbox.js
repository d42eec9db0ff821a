// The page /inbox/.
import { open } from "./main.js";
import { speak } from "./words.js";

speak();
open();
