/* The pages before signing in: rings and forms, no keys. */
import "./ring.js";
import "./confirm.js";
