// Starts the application in the page.
import './shared/tokens.css';
import './shared/base.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { language, useLanguage } from './shared/i18n.svelte.ts';
import { listen } from './shared/router.svelte.ts';

useLanguage(language());
listen();
const target = document.getElementById('app');
if (!target) throw new Error('index.html has no element #app');
mount(App, { target });
