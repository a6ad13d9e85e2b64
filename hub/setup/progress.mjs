// What set-up says on standard error: one line a step, and a moving line while a long step runs.

const TICK = { terminal: 200, file: 30_000 };

/**
 * @param {{ out?: NodeJS.WriteStream, total: number, quiet?: boolean }} options With `quiet` nothing is shown while every step is
 *   ready; the first step that has to do something brings the held lines out.
 */
export function createProgress({ out = process.stderr, total, quiet = false }) {
  const started = Date.now();
  const held = [];
  let silent = quiet;
  const terminal = Boolean(out.isTTY);

  const line = text => {
    if (silent) held.push(text);
    else out.write(`${text}\n`);
  };
  const speak = () => {
    silent = false;
    for (const text of held.splice(0)) out.write(`${text}\n`);
  };

  return {
    line,
    speak,
    /** Ends a quiet run that had nothing to do with its only line. */
    finish() {
      if (silent) out.write(`Set-up … ready (${seconds(started)})\n`);
    },
    step(number, title) {
      const label = `[${number}/${total}] ${title} …`;
      const begun = Date.now();
      let news = '';
      let timer;
      const show = () => {
        const time = `(${seconds(begun)})`;
        const text = `${label} ${news}`;
        // The time stays in sight on a narrow terminal.
        if (terminal) out.write(`\r\x1b[2K${text.slice(0, (out.columns || 80) - time.length - 2)} ${time}`);
        else out.write(`${text} ${time}\n`);
      };
      const end = text => {
        clearInterval(timer);
        if (terminal && timer) out.write('\r\x1b[2K');
        line(`${label} ${text} (${seconds(begun)})`);
      };
      return {
        /** Says that this step has to do something, and what. */
        begin(what) {
          speak();
          if (timer) clearInterval(timer);
          news = what;
          show();
          timer = setInterval(show, terminal ? TICK.terminal : TICK.file);
        },
        /** The latest news of a long step: a percentage or the last line of what runs. */
        news(text) {
          news = text.trim().slice(0, 120) || news;
        },
        ready: detail => end(detail ? `ready: ${detail}` : 'ready'),
        skipped: why => end(`skipped: ${why}`),
        failed() {
          speak();
          end('cannot be done');
        },
      };
    },
  };
}

/** Time since `start`, for people: "0.2 s", "3 min 10 s". */
function seconds(start) {
  const elapsed = (Date.now() - start) / 1000;
  return elapsed < 100 ? `${elapsed.toFixed(1)} s` : `${Math.floor(elapsed / 60)} min ${Math.round(elapsed % 60)} s`;
}
