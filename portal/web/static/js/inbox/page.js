// Pages of the inbox that only need their words.
import { speak } from "./words.js";

speak();
