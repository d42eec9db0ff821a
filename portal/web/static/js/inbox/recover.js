// Coming back with a lost key: a link to a channel the business has verified, or a code from its staff.

import { asks, linkFrom } from "./asking.js";
import "./enrol.js";

asks(document.querySelector("form[data-recover]"), linkFrom("/inbox/recover"));
