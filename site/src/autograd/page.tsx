import { render } from 'preact';
import { Shell } from '../ui/shell.tsx';

render(<Shell page="autograd">…</Shell>, document.getElementById('app')!);
