import { availableParallelism } from 'node:os';
import { vulkanDrivers } from './drivers.ts';
import { INSTALL_ANYWHERE, operatingSystem } from './install.ts';
import type { Candidate, Search } from './kinds.ts';
import { hasSystemLoader } from './swiftshader.ts';

export function announce(found: Candidate, met: Candidate[], choice: string): string {
  const driver = found.driver.includes(found.name) ? '' : `, ${found.driver}`;
  const origin = found.packed ? ', packed with npm' : '';
  const name = driver ? found.name : found.driver;
  const head = `adapter: ${name}${driver}${origin}`;
  if (found.kind === 'gpu') return `${head}: hardware GPU`;
  const software = `${head}: software on ${availableParallelism()} cores`;
  const gpu = met.find((one) => one.kind === 'gpu');
  if (gpu) return `${software}, as asked; the hardware GPU ${gpu.name} would be faster`;
  if (found.kind === 'lavapipe') return `${software}; a hardware GPU would be faster (none found)`;
  if (choice !== 'auto')
    return `${software}, as asked; a hardware GPU or lavapipe would be faster (--adapter auto)`;
  const how = process.platform === 'linux' ? "'tapegrad doctor' says how to install it" : 'Linux only';
  return `${software}; lavapipe would be 3 to 6 times faster (${how}), a hardware GPU more so (none found)`;
}

/** Why the system's drivers offered nothing, as far as that is known. */
function systemReasons(): string {
  if (process.platform !== 'linux') return 'none found';
  const drivers = vulkanDrivers();
  const lavapipe = drivers.find((driver) => driver.mesa);
  const forced = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'].find((name) => process.env[name]);
  const reasons = [
    forced ? `${forced}=${process.env[forced]}` : '',
    hasSystemLoader() ? '' : 'no Vulkan loader (libvulkan.so.1)',
    drivers.length === 0
      ? 'no Vulkan driver installed'
      : `none of ${drivers.length} Vulkan drivers offers one`,
    lavapipe
      ? `lavapipe of Mesa ${lavapipe.mesa} is installed, but Dawn does not accept it (22.3 is too old)`
      : '',
  ];
  return reasons.filter(Boolean).join('; ');
}

export function nothingFound(packed: string): Error {
  const { name, install } = operatingSystem();
  return new Error(
    [
      'no WebGPU adapter found. Looked at:',
      `  hardware GPU and lavapipe: ${systemReasons()}`,
      `  SwiftShader from npm: ${packed}`,
      `What to install here (${name}):`,
      `  ${install}`,
      'and elsewhere, beside the driver of your GPU:',
      ...INSTALL_ANYWHERE.map(([system, command]) => `  ${system}: ${command}`),
      "'tapegrad doctor' says more.",
    ].join('\n'),
  );
}

export function notAvailable(choice: string, { met, packed }: Search): Error {
  const available = met.map(({ kind, name }) =>
    name.toLowerCase().includes(kind) ? name : `${name} (${kind})`,
  );
  if (typeof packed !== 'string') available.push('swiftshader (packed with npm)');
  const reason =
    choice === 'swiftshader'
      ? `\nSwiftShader from npm: ${packed}`
      : choice === 'lavapipe'
        ? `\nlavapipe: ${systemReasons()}; to install it: ${operatingSystem().install}`
        : '';
  return new Error(
    `adapter '${choice}' is not available; available: ${available.join(', ') || 'none'} ` +
      `(--adapter auto, gpu, lavapipe, swiftshader, or part of a name)${reason}`,
  );
}
