// What every Node session does alike: see ../README.md.
'use strict';

const { createHash } = require('node:crypto');

// The bound of every wait, in milliseconds.
const PATIENCE = 10000;

const [url, protocol] = [process.argv[2], Number(process.argv[3])];

function line(name, value) {
  process.stdout.write(`${name}: ${value}\n`);
}

// A value on one line, the same in every run: what is long is a hash.
function text(value) {
  if (value instanceof Error) return expected(value);
  if (Buffer.isBuffer(value)) return long('Buffer', value, (it) => `Buffer(${JSON.stringify(it.toString('latin1'))})`);
  if (typeof value === 'string') return long('string', value, JSON.stringify);
  if (Array.isArray(value)) return `[${value.map(text).join(', ')}]`;
  if (value instanceof Set) return `Set{${[...value].map(text).sort().join(', ')}}`;
  if (value instanceof Map) return fields('Map', [...value]);
  if (value !== null && typeof value === 'object') return fields('', Object.entries(value));
  return String(value);
}

function fields(type, entries) {
  return `${type}{${entries.map(([key, item]) => `${text(key)}: ${text(item)}`).join(', ')}}`;
}

function long(type, value, short) {
  if (value.length <= 500) return short(value);
  return `${type} of ${value.length}, ${createHash('sha256').update(value).digest('hex').slice(0, 16)}`;
}

function oneLine(problem) {
  return String(problem.message).replace(/\s+/g, ' ');
}

function expected(problem) {
  return `${problem.constructor.name}: ${JSON.stringify(problem.message)}`;
}

// The value of `promise`, unless it takes longer than anything should.
function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} takes longer than ${PATIENCE} ms`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// The group that runs: `say` puts its name before each line.
let group = '';

async function say(name, promise) {
  line(`${group}, ${name}`, text(await within(promise, name)));
}

// Runs steps one after the other: a function that throws is a line, and the next one runs.
async function run(steps) {
  for (const step of steps) {
    group = step.name.replace(/([A-Z])/g, ' $1').toLowerCase();
    try {
      await within(step(), group);
    } catch (problem) {
      line(`${group}, fails`, `FAILED ${problem.constructor.name}: ${oneLine(problem)}`);
    }
  }
}

// The error that a call ends in; no error is a failure.
async function error(promise) {
  const value = await valueOrError(promise);
  if (!(value instanceof Error)) throw new Error(`no error, but ${text(value)}`);
  return value;
}

// What a call returns, or the error that it ends in.
async function valueOrError(promise) {
  try {
    return await promise;
  } catch (problem) {
    return problem;
  }
}

// The first value of `condition` that is true.
async function until(condition, what) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${PATIENCE} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// The numbers below `count`.
const numbers = (count) => [...Array(count).keys()];

module.exports = { PATIENCE, url, protocol, line, text, say, run, error, valueOrError, until, numbers };
