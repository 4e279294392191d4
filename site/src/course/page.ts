import '../ui/style.css';
import './course.css';
import type { FromProgram } from './worker.ts';

/* Programs of the course, run where they are read. */

for (const figure of document.querySelectorAll<HTMLElement>('.program')) {
  const code = figure.querySelector('template')!.innerHTML;
  const text = new DOMParser().parseFromString(code, 'text/html').documentElement.textContent ?? '';
  const [button, output] = [figure.querySelector('button')!, figure.querySelector('output')!];
  // The hidden text after it names the program for screen readers.
  const label = button.firstElementChild!;
  let worker: Worker | undefined;
  const end = () => {
    worker?.terminate();
    worker = undefined;
    label.textContent = 'Run again';
  };
  button.hidden = false;
  button.onclick = () => {
    if (worker) {
      output.textContent += 'stopped\n';
      end();
      return;
    }
    output.hidden = false;
    output.textContent = '';
    label.textContent = 'Stop';
    worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'program' });
    worker.onmessage = ({ data }: MessageEvent<FromProgram>) => {
      if (data.kind === 'line') output.textContent += `${data.text}\n`;
      else {
        if (data.error) output.textContent += `${data.error}\n`;
        figure.dataset.done = 'true';
        end();
      }
    };
    worker.onerror = ({ message }) => {
      output.textContent += `${message}\n`;
      end();
    };
    worker.postMessage(text);
  };
}
