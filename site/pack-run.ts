import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeSafetensors } from '@tapegrad/nn';
import { halfBits } from '@tapegrad/tensor';

/*
 * Packs the run that the Explore page opens with: `npx tsx site/pack-run.ts RUN`. The weights become float16, whose 11 bits
 * are more than a picture shows, and half as long to load.
 */

const run = process.argv[2];
if (!run) throw new Error('pack-run: name the folder of a run');
const { tensors, metadata } = decodeSafetensors(readFileSync(join(run, 'weights.safetensors')));
const header: Record<string, unknown> = { __metadata__: metadata };
const parts: Uint8Array[] = [];
let at = 0;
for (const [name, { shape, data }] of tensors) {
  const bytes = new Uint8Array(Uint16Array.from(data as Float32Array, halfBits).buffer);
  header[name] = { dtype: 'F16', shape, data_offsets: [at, at + bytes.length] };
  at += bytes.length;
  parts.push(bytes);
}
const text = JSON.stringify(header);
const padded = text.padEnd(Math.ceil(text.length / 8) * 8);
const length = Buffer.alloc(8);
length.writeBigUInt64LE(BigInt(padded.length));
const to = (name: string) => fileURLToPath(new URL(`public/recorded/vae/${name}`, import.meta.url));
writeFileSync(to('weights.safetensors'), Buffer.concat([length, Buffer.from(padded), ...parts]));
writeFileSync(to('config.json'), readFileSync(join(run, 'config.json')));
