import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Tiles as Images } from '../train/protocol.ts';
import { decodeRecorded } from '../train/recorded.ts';
import { Shell } from '../ui/shell.tsx';
import { Tiles } from '../ui/tiles.tsx';
import './home.css';

const pages = [
  {
    path: 'train',
    name: 'Train',
    text: 'Eleven autoencoders on MNIST or on your own images. Curves, samples and the latent space while they learn; weights, activations and gradients of every layer. Continue a run in Node, byte for byte.',
  },
  {
    path: 'explore',
    name: 'Explore',
    text: 'Move through a latent space with the mouse, a slider for each dimension, from one digit to another. Draw a digit and see its code and its neighbours.',
  },
  {
    path: 'autograd',
    name: 'Autograd',
    text: 'A few lines of tensor code, and the graph behind them: values down, gradients up, each rule, each launch, and the shader. From loss.backward() to WGSL in three clicks.',
  },
  {
    path: 'benchmark',
    name: 'Benchmark',
    text: 'The roofs of your GPU, and how close every kernel comes to them: GFLOP/s, percent of the roof, training steps. Save the results, and compare them.',
  },
  {
    path: 'course',
    name: 'Course',
    text: 'From a derivative on paper to a VAE on a GPU in an afternoon, with programs that run where you read them.',
  },
  {
    path: 'api',
    name: 'API reference',
    text: 'Every function, class and type of the packages, with shapes, units and errors.',
  },
] as const;

function Home() {
  const [samples, setSamples] = useState<Images>();
  useEffect(() => {
    void fetch(new URL('./recorded/train.json', location.href))
      .then((answer) => answer.json())
      .then((run) => setSamples(decodeRecorded(run).look?.samples))
      .catch(() => {});
  }, []);
  return (
    <Shell page="home">
      <div class="hero">
        <div>
          <h1>Autoencoders on hand-written WebGPU kernels</h1>
          <p class="lead">
            Tapegrad is tensors, automatic differentiation and autoencoders in TypeScript. Every operation is
            a compute shader written by hand; the same source trains in Node and in this browser, with the
            same bytes on the same adapter.
          </p>
          <p class="row">
            <a class="button primary" href="./train/">
              Train one here
            </a>
            <a class="button" href="./autograd/">
              See how it works
            </a>
          </p>
        </div>
        {samples && (
          <figure>
            <Tiles tiles={samples} label="Digits decoded from random codes by a VAE" />
            <figcaption class="hint">
              Decoded from random codes, after ten epochs on 10,000 digits.
            </figcaption>
          </figure>
        )}
      </div>
      <ul class="pages">
        {pages.map(({ path, name, text }) => (
          <li key={path} class="card">
            <h2>
              <a href={`./${path}/`}>{name}</a>
            </h2>
            <p>{text}</p>
          </li>
        ))}
      </ul>
      <p class="hint">
        Nothing that you do here leaves your machine: there is no server, and no request to anyone else.
      </p>
    </Shell>
  );
}

render(<Home />, document.getElementById('app')!);
