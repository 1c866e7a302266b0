// A session of ioredis.
'use strict';

const Redis = require('ioredis');

const [url, protocol] = process.argv.slice(2);
console.log(`client: ioredis ${require('ioredis/package.json').version}`);
const redis = new Redis(url, { protocol: Number(protocol) });
redis.flushall().then(() => redis.quit()).then(() => console.log('end: yes'));
