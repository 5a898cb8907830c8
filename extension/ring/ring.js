/** Chrome's worker has no sound: this page, which nobody sees, rings as long as it is there and the background lives. */
import { api } from "../common/api.js";
import { RING, Ring } from "../common/ring.js";

const ring = new Ring(Number(location.hash.slice(1)));
// A background that died hears of no answer, and until it is back nobody knows whether it rings still.
api.runtime.connect({ name: RING }).onDisconnect.addListener(() => ring.stop());
