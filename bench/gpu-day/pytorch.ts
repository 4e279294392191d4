import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { findPython, script } from '../peers/pytorch.ts';
import type { Row } from './record.ts';
import type { Stage } from './stage.ts';

/** PyTorch on the same machine: on its GPU if it has one. */
export const pytorch: Stage = {
  name: 'pytorch',
  about:
    'PyTorch on the same machine, eager and compiled (`torch.compile`, where it is new enough), in full float32.',
  seconds: 60,
  async run({ small }, say) {
    const device = await findPython('cuda').catch(() => undefined);
    const found = device ?? (await findPython('cpu').catch(() => undefined));
    if (!found) {
      say({ what: 'PyTorch', value: 'no python3 here can import torch' });
      return;
    }
    const args = [
      script,
      '--device',
      device ? 'cuda' : 'cpu',
      '--json',
      ...(small ? ['--small'] : ['--compile']),
    ];
    const child = spawn(found.python, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    for await (const line of createInterface({ input: child.stdout })) say(JSON.parse(line) as Row);
    const code = await ended;
    if (code !== 0) throw new Error(`python3 ended with code ${code}`);
  },
};
