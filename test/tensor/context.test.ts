/* Runs on the fastest adapter. */
import { enableGrad, grad, noGrad, requiresGrad } from '@tapegrad/autograd';
import {
  capture,
  innermost,
  keep,
  labelled,
  observe,
  scope,
  type Tensor,
  tensor,
  within,
} from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { device } from '../helpers/device.ts';

/* Interceptors are one stack: any two nest, in either order, and each does inside the other what it does alone. */

class Marker {}

/** Each runs `fn` as its interceptor wants it, and then says whether that did its work. */
const interceptors: Record<string, (fn: () => void) => void> = {
  scope(fn) {
    let made: Tensor | undefined;
    scope(() => {
      made = tensor([1], { device });
      fn();
      assert.not.ok(made.disposed);
    });
    assert.ok(made!.disposed);
  },
  observe(fn) {
    const seen: string[] = [];
    observe(
      ({ op }) => seen.push(op.name),
      () => {
        tensor([1], { device }).exp();
        fn();
        tensor([1], { device }).neg();
      },
    );
    assert.is(seen[0], 'exp');
    assert.is(seen.at(-1), 'neg');
  },
  noGrad(fn) {
    const w = requiresGrad(tensor([1], { device }));
    noGrad(() => {
      fn();
      assert.not(w.mul(2).requiresGrad);
    });
  },
  enableGrad(fn) {
    const w = requiresGrad(tensor([1], { device }));
    enableGrad(() => {
      fn();
      assert.ok(w.mul(2).requiresGrad);
    });
  },
  grad(fn) {
    const gradient = grad((x: Tensor) => {
      const y = x.square().sum();
      fn();
      return y;
    })(tensor([3], { device }));
    assert.not.ok(gradient.disposed);
  },
  'a label'(fn) {
    labelled(() => 'outer', fn);
  },
  'an object of its own'(fn) {
    const marker = new Marker();
    within(marker, () => {
      fn();
      assert.is(innermost(Marker), marker);
    });
  },
};

for (const [outer, runOuter] of Object.entries(interceptors)) {
  for (const [inner, runInner] of Object.entries(interceptors)) {
    test(`${inner} inside ${outer}`, () => {
      let ran = false;
      runOuter(() =>
        runInner(() => {
          ran = true;
        }),
      );
      assert.ok(ran);
      assert.is(innermost(Marker), undefined);
    });
    test(`${inner} inside ${outer}, in a captured function`, async () => {
      const x = keep(tensor([2], { device }));
      const step = capture(
        () => {
          runOuter(() => runInner(() => undefined));
          return noGrad(() =>
            labelled(
              () => 'the result',
              () => x.mul(3),
            ),
          );
        },
        { device },
      );
      assert.equal(await step().array(), [6]);
      assert.match(step.programs[0]!.print(), /the result/);
      step.dispose();
    });
  }
}

test('an error leaves the stack as it was', () => {
  for (const run of Object.values(interceptors)) {
    assert.throws(() => {
      run(() => {
        throw new Error('on purpose');
      });
    }, /on purpose/);
  }
  assert.is(innermost(Marker), undefined);
  assert.ok(requiresGrad(tensor([1], { device })).mul(2).requiresGrad);
});

test.run();
