/**
 * The ring: four soft notes and a rest, over and over. It is made by the browser itself from the figures here, so that there is no file
 * to ship and the end of one ring meets the beginning of the next without a gap.
 */

/** The name of the port by which a page that rings holds on to the background. */
export const RING = "ring";

/** One ring with its rest, in seconds. */
const PERIOD = 3;

/** Each note's beginning in seconds and its pitch in hertz: up a fourth, twice. */
const NOTES = /** @type {const} */ ([[0, 587.33], [0.18, 783.99], [0.55, 587.33], [0.73, 783.99]]);

/** The parts of a note, as of a struck bar: how many times its pitch, how loud, and how fast each dies away. */
const PARTIALS = /** @type {const} */ ([[1, 0.6, 6], [2, 0.2, 9], [4, 0.1, 18]]);

/** A beginning without a click, in seconds. */
const ATTACK = 0.008;

export class Ring {
  #context = new AudioContext();

  /** @param {number} volume in percent */
  constructor(volume) {
    const context = this.#context;
    const buffer = context.createBuffer(1, PERIOD * context.sampleRate, context.sampleRate);
    buffer.copyToChannel(samples(context.sampleRate), 0);
    // Ears hear the square.
    const gain = new GainNode(context, { gain: (volume / 100) ** 2 });
    const source = new AudioBufferSourceNode(context, { buffer, loop: true });
    source.connect(gain).connect(context.destination);
    source.start();
  }

  /** Silences it for good. */
  stop() {
    if (this.#context.state !== "closed") void this.#context.close();
  }
}

/** @param {number} rate samples a second */
function samples(rate) {
  const wave = new Float32Array(PERIOD * rate);
  for (const [begin, pitch] of NOTES) {
    for (let index = Math.ceil(begin * rate); index < wave.length; index += 1) {
      const time = index / rate - begin;
      let sound = 0;
      for (const [times, loudness, decay] of PARTIALS) sound += loudness * Math.exp(-decay * time) * Math.sin(2 * Math.PI * pitch * times * time);
      wave[index] = (wave[index] ?? 0) + 0.6 * sound * Math.min(1, time / ATTACK);
    }
  }
  return wave;
}
