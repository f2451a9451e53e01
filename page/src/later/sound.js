/** Two soft notes, made on the spot. */

const NOTES = [{ hertz: 660, at: 0 }, { hertz: 880, at: 0.12 }];
const SECONDS = 0.35;
const LOUDNESS = 0.06;

let context;

/** Browsers are silent in a page in which nobody has done anything yet. */
export function playSound() {
    context ??= new AudioContext();
    context.resume();
    for (const { hertz, at } of NOTES) {
        const start = context.currentTime + at;
        const note = new OscillatorNode(context, { frequency: hertz });
        const loudness = new GainNode(context, { gain: 0 });
        loudness.gain.linearRampToValueAtTime(LOUDNESS, start + 0.02);
        loudness.gain.exponentialRampToValueAtTime(0.0001, start + SECONDS);
        note.connect(loudness).connect(context.destination);
        note.start(start);
        note.stop(start + SECONDS);
    }
}
