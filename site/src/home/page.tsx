import { render } from 'preact';
import { Shell } from '../ui/shell.tsx';

render(<Shell page="home">…</Shell>, document.getElementById('app')!);
