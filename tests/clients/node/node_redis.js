// A session of node-redis.
'use strict';

const { createClient, createClientPool, defineScript, RESP_TYPES, ErrorReply, WatchError } = require('redis');

const { url, protocol, line, say, run, error, valueOrError, until, numbers } = require('./session.js');

const add = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  parseCommand(parser, key, by) {
    parser.pushKey(key);
    parser.push(String(by));
  },
  transformReply: undefined,
});

async function connect(more = {}) {
  const client = createClient({ url, RESP: protocol, scripts: { add }, ...more });
  // An error of a connection is told by the command that meets it.
  client.on('error', () => {});
  return client.connect();
}

let redis;

// Calls `call` with a second connection when somebody is seen to be blocked.
async function whenBlocked(call) {
  const other = await connect();
  await until(async () => !/blocked_clients:0\r/.test(await other.info('clients')), 'nobody is blocked');
  await call(other);
  other.destroy();
}

async function strings() {
  await say('set', redis.set('s', 'value'));
  await say('get', redis.get('s'));
  await say('get of nothing', redis.get('nothing'));
  await say('set nx', redis.set('s', 'other', { condition: 'NX' }));
  await say('set xx get', redis.set('s', 'third', { condition: 'XX', GET: true }));
  await say('set ex', redis.set('s:ex', 'v', { expiration: { type: 'EX', value: 100 } }));
  await say('append', redis.append('s', '!'));
  await say('getRange', redis.getRange('s', 1, -2));
  await say('incr', redis.incr('n'));
  await say('incrByFloat', redis.incrByFloat('f', 0.5));
  await say('getDel', redis.getDel('s'));
  await say('empty value', redis.set('empty', '').then(() => redis.get('empty')));
  await redis.mSet({ '{l}a': 'ohmytext', '{l}b': 'mynewtext' });
  await say('lcsIdx', redis.lcsIdx('{l}a', '{l}b'));
  const buffers = redis.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const key = Buffer.from([0, 13, 10, 255]);
  await say('buffers', redis.set(key, Buffer.from([255, 13, 10])));
  await say('a buffer back', buffers.get(key));
}

async function manyKeys() {
  const keys = numbers(300).map((n) => `key:${n}`);
  await say('mSet', redis.mSet(keys.map((key) => [key, `of ${key}`])));
  await say('mGet', redis.mGet([...keys, 'nothing']));
  await say('exists', redis.exists([...keys, 'nothing', keys[0]]));
  await say('touch', redis.touch(keys));
  await say('del', redis.del([...keys.slice(0, 100), 'nothing']));
  await say('unlink', redis.unlink(keys.slice(50, 200)));
  await say('what is left', redis.exists(keys));
  await say('mSetNX of one slot', redis.mSetNX({ '{m}1': '1', '{m}2': '2' }));
  await say('keys', redis.keys('key:2[0-9]9').then((found) => found.sort()));
  await say('dbSize', redis.dbSize());
}

async function expiry() {
  await redis.set('e', 'v');
  await say('no time', redis.ttl('e'));
  await say('expire', redis.expire('e', 10000));
  await say('ttl', redis.ttl('e').then((ttl) => ttl > 9990 && ttl <= 10000));
  await say('persist', redis.persist('e'));
  await say('expireAt', redis.expireAt('e', new Date(33177117420000)));
  await say('expireTime', redis.expireTime('e'));
  await say('in the past', redis.expire('e', -1));
  await redis.set('e:soon', 'v', { expiration: { type: 'PX', value: 20 } });
  await say('it expires', until(async () => (await redis.get('e:soon')) === null, 'it does not'));
}

async function hashes() {
  await say('hSet', redis.hSet('h', { a: '1', b: 'two' }));
  await say('hGetAll', redis.hGetAll('h').then((found) => ({ ...found })));
  await say('hGetAll of nothing', redis.hGetAll('nothing').then((found) => ({ ...found })));
  await say('hmGet', redis.hmGet('h', ['a', 'x', 'b']));
  await say('hIncrBy', redis.hIncrBy('h', 'a', 5));
  await say('hIncrByFloat', redis.hIncrByFloat('h', 'f', 1.5));
  await say('hRandFieldCountWithValues', redis.hRandFieldCountWithValues('h', 10).then(
    (found) => found.map(({ field, value }) => `${field} ${value}`).sort()));
  await redis.hSet('h:big', Object.fromEntries(numbers(1000).map((n) => [`f${n}`, String(n)])));
  let count = 0;
  for await (const entries of redis.hScanIterator('h:big', { COUNT: 100 })) count += entries.length;
  await say('hScanIterator', count);
}

async function lists() {
  await say('rPush', redis.rPush('l', ['a', 'b', 'c']));
  await say('lRange', redis.lRange('l', 0, -1));
  await say('lInsert', redis.lInsert('l', 'BEFORE', 'b', 'x'));
  await say('lPopCount', redis.lPopCount('l', 2));
  await say('lSet', error(redis.lSet('l', 99, 'x')));
  await say('lMove', redis.lMove('l', 'l', 'LEFT', 'RIGHT'));
  await say('lmPop', redis.lmPop(['{l}none', '{l}also'], 'LEFT'));
}

async function sets() {
  await say('sAdd', redis.sAdd('{s}1', ['a', 'b', 'c']));
  await redis.sAdd('{s}2', ['b', 'c', 'd']);
  await say('sMembers', redis.sMembers('{s}1').then((found) => [...found].sort()));
  await say('smIsMember', redis.smIsMember('{s}1', ['a', 'x']));
  await say('sInter', redis.sInter(['{s}1', '{s}2']).then((found) => [...found].sort()));
  await say('sInterStore', redis.sInterStore('{s}3', ['{s}1', '{s}2']));
  await redis.sAdd('s:big', numbers(2000).map(String));
  const found = new Set();
  for await (const members of redis.sScanIterator('s:big')) members.forEach((member) => found.add(member));
  await say('sScanIterator', found.size);
}

async function sortedSets() {
  await say('zAdd', redis.zAdd('{z}1', [{ score: 1, value: 'a' }, { score: 2.5, value: 'b' }, { score: Infinity, value: 'c' }]));
  await say('zIncrBy', redis.zIncrBy('{z}1', 0.5, 'a'));
  await say('zRangeWithScores', redis.zRangeWithScores('{z}1', 0, -1));
  await say('zRangeByScore', redis.zRangeByScore('{z}1', '-inf', '(4', { LIMIT: { offset: 0, count: 5 } }));
  await say('zScore', redis.zScore('{z}1', 'c'));
  await say('zmScore', redis.zmScore('{z}1', ['a', 'x']));
  await say('zRank', redis.zRank('{z}1', 'x'));
  await redis.zAdd('{z}2', [{ score: 10, value: 'b' }, { score: 4, value: 'd' }]);
  await say('zUnionWithScores', redis.zUnionWithScores(['{z}1', '{z}2']));
  await say('zUnionStore', redis.zUnionStore('{z}3', ['{z}1', '{z}2']));
  await say('zPopMinCount', redis.zPopMinCount('{z}3', 2));
  await say('zmPop', redis.zmPop('{z}2', 'MIN', { COUNT: 2 }));
}

async function otherTypes() {
  await say('setBit', redis.setBit('bits', 7, 1));
  await say('bitField', redis.bitField('bits', [{ operation: 'INCRBY', encoding: 'u8', offset: 8, increment: 100 }]));
  await say('pfAdd', redis.pfAdd('{p}1', ['a', 'b']));
  await say('pfCount', redis.pfCount(['{p}1', '{p}2']));
  await say('geoAdd', redis.geoAdd('geo', [{ longitude: 13.361389, latitude: 38.115556, member: 'Palermo' }]));
  await say('geoPos', redis.geoPos('geo', ['Palermo', 'x']));
  await say('geoSearchWith', redis.geoSearchWith(
    'geo', { longitude: 15, latitude: 37 }, { radius: 200, unit: 'km' }, ['WITHDIST', 'WITHCOORD']));
  await say('sort', redis.rPush('{sort}l', ['3', '1', '2']).then(() => redis.sort('{sort}l', { DIRECTION: 'DESC' })));
  const buffers = redis.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  await say('restore', buffers.dump('{sort}l').then((dumped) => redis.restore('restored', 0, dumped)));
  await say('copy', redis.copy('{sort}l', '{sort}copy'));
  await say('rename', redis.rename('{sort}copy', '{sort}renamed'));
  await say('objectEncoding', redis.objectEncoding('n'));
}

async function streams() {
  for (const n of [1, 2, 3, 4]) await say(`xAdd ${n}`, redis.xAdd('x', `1-${n}`, { a: String(n) }));
  await say('xRange', redis.xRange('x', '-', '+', { COUNT: 2 }).then(plain));
  await say('xRead', redis.xRead({ key: 'x', id: '1-2' }, { COUNT: 10 }).then(plain));
  await say('xGroupCreate', redis.xGroupCreate('x', 'g', '0'));
  await say('xGroupCreate again', error(redis.xGroupCreate('x', 'g', '0')));
  await say('xReadGroup', redis.xReadGroup('g', 'one', { key: 'x', id: '>' }, { COUNT: 2 }).then(plain));
  await say('xAck', redis.xAck('x', 'g', ['1-1', '9-9']));
  await say('xPending', redis.xPending('x', 'g').then(plain));
  await say('xClaim', redis.xClaim('x', 'g', 'two', 0, '1-2').then(plain));
  await say('xAutoClaim', redis.xAutoClaim('x', 'g', 'one', 0, '0-0').then(plain));
  await say('xInfoGroups', redis.xInfoGroups('x').then(plain));
  await say('xRead that times out', redis.xRead({ key: 'x', id: '$' }, { BLOCK: 20 }));
  const blocked = await connect();
  // From an id on: behind slotway a client is listed as blocked when its command sets out, not when it arrives.
  const read = blocked.xRead({ key: 'x', id: '2-0' }, { BLOCK: 10000 });
  await whenBlocked((other) => other.xAdd('x', '2-1', { late: 'yes' }));
  await say('xRead woken', read.then(plain));
  blocked.destroy();
}

// A reply without the prototypes and maps that it comes with.
const plain = (reply) => JSON.parse(JSON.stringify(reply));

async function pipelines() {
  const all = numbers(500).flatMap((n) => [redis.set(`p:${n}`, String(n)), redis.incr(`p:${n}`), redis.get(`p:${n}`)]);
  await say('1500 commands at once', Promise.all(all));
  const multi = redis.multi();
  for (const n of numbers(500)) multi.set(`p:${n}`, String(n)).incr(`p:${n}`).get(`p:${n}`);
  await say('of 1500 commands over many slots', multi.execAsPipeline());
  await redis.set('p:s', 'text');
  const mixed = numbers(500).map((n) => valueOrError([
    () => redis.incr(`mixed:${n}`), () => redis.lPush('p:s', String(n)), () => redis.mGet([`p:${n}`, 'p:s']),
    () => redis.echo(String(n)),
  ][n % 4]()));
  await say('500 mixed at once', Promise.all(mixed));
}

async function transactions() {
  await say('of one slot', redis.multi().set('{t}a', '1').incr('{t}a').hSet('{t}h', 'f', 'v').hGetAll('{t}h').exec().then(plain));
  await say('with an error in it', redis.multi().set('{t}a', 'text').incr('{t}a').get('{t}a').exec().catch(
    (problem) => [problem, problem.replies.map((reply) => (reply instanceof ErrorReply ? reply.message : reply))]));
  await say('that is refused', error(redis.multi().set('{t}a', 'never').addCommand(['GET']).exec()));
  await say('after it', redis.get('{t}a'));
  await say('typed', redis.multi().get('{t}a').execTyped());
  await say('watch', redis.watch('{t}w'));
  await say('undisturbed', redis.multi().set('{t}w', 'mine').exec());
  const other = await connect();
  await redis.watch('{t}w');
  await other.set('{t}w', 'other');
  const disturbed = await error(redis.multi().set('{t}w', 'mine').exec());
  await say('disturbed', [disturbed instanceof WatchError, disturbed]);
  await say('the value', redis.get('{t}w'));
  await redis.watch('{t}w');
  await redis.unwatch();
  await other.set('{t}w', 'again');
  await say('unwatched', redis.multi().set('{t}w', 'mine').exec());
  other.destroy();
  const pool = createClientPool({ url, RESP: protocol }, { minimum: 2, maximum: 4 });
  await pool.connect();
  const increment = () => pool.execute(async (client) => {
    for (;;) {
      await client.watch('{t}counter');
      const value = Number((await client.get('{t}counter')) ?? 0);
      const reply = await valueOrError(client.multi().set('{t}counter', String(value + 1)).exec());
      if (!(reply instanceof Error)) return;
      if (!(reply instanceof WatchError)) throw reply;
    }
  });
  await Promise.all(numbers(50).map(increment));
  await say('of a pool that counts to 50 watching', pool.get('{t}counter'));
  pool.destroy();
}

async function pubSub() {
  const [subscriber, found] = [await connect(), []];
  const listener = (message, channel) => found.push(`${channel} ${message}`);
  const patternListener = (message, channel) => found.push(`by pattern ${channel} ${message}`);
  const count = (wanted) => until(() => found.length >= wanted && found.splice(0), `only ${found} came`);
  await say('subscribe', subscriber.subscribe(['c:1', 'c:2'], listener));
  await say('pSubscribe', subscriber.pSubscribe('c:[34]', patternListener));
  for (const name of ['c:1', 'c:2', 'c:3', 'd']) await say(`publish to ${name}`, redis.publish(name, `to ${name}`));
  await say('messages', count(3).then((messages) => messages.sort()));
  await say('pubSubChannels', redis.pubSubChannels('c:*').then((names) => names.sort()));
  await say('pubSubNumSub', redis.pubSubNumSub(['c:1', 'none']).then(plain));
  await say('pubSubNumPat', redis.pubSubNumPat());
  await say('a command while subscribed', valueOrError(protocol === 3 ? subscriber.get('p:3') : subscriber.ping()));
  await say('unsubscribe', subscriber.unsubscribe('c:1'));
  await say('publish to nobody', redis.publish('c:1', 'x'));
  await Promise.all(numbers(200).map((n) => redis.publish('c:2', String(n))));
  await say('200 messages in order', count(200));
  await say('unsubscribe from all', subscriber.unsubscribe());
  await say('pUnsubscribe from all', subscriber.pUnsubscribe());
  await say('a command after it', subscriber.get('p:3'));
  await say('sSubscribe', subscriber.sSubscribe('{shard}1', listener));
  await say('sPublish', redis.sPublish('{shard}1', 'v'));
  await say('sharded message', count(1));
  await say('sUnsubscribe', subscriber.sUnsubscribe('{shard}1'));
  subscriber.destroy();
}

async function scripts() {
  await say('a script', redis.add('script', 5));
  await redis.scriptFlush();
  await say('after a flush', redis.add('script', 1));
  await say('in a transaction', redis.multi().add('script', 1).exec());
  await say('scriptLoad', redis.scriptLoad('return 1'));
  await say('scriptExists', redis.scriptExists(['e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '0'.repeat(40)]));
  await say('evalSha of nothing', error(redis.evalSha('0'.repeat(40), { keys: ['k'] })));
  await say('eval without keys', redis.eval("return {ARGV[1], 2, {3, 'four'}, false}", { arguments: ['one'] }));
  await say('evalRo', redis.evalRo("return redis.call('GET', KEYS[1])", { keys: ['script'] }));
  const lib = "#!lua name=lib\nredis.register_function('f', function(k, a) return redis.call('SET', k[1], a[1]) end)";
  await say('functionLoad', redis.functionLoad(lib, { REPLACE: true }));
  await say('fCall', redis.fCall('f', { keys: ['by function'], arguments: ['v'] }));
  await say('functionDelete', redis.functionDelete('lib'));
}

async function blocking() {
  await say('blPop timing out', redis.blPop('b:none', 0.05));
  const blocked = await connect();
  let popped = blocked.blPop(['{b}1', '{b}2'], 10);
  await whenBlocked((other) => other.rPush('{b}2', 'pushed'));
  await say('blPop woken', popped.then(plain));
  popped = blocked.blMove('{b}1', '{b}3', 'LEFT', 'RIGHT', 10);
  const behind = blocked.get('p:3');
  await whenBlocked((other) => other.rPush('{b}1', 'moved'));
  await say('blMove woken', popped);
  await say('what was sent behind it', behind);
  popped = blocked.bzPopMin('{b}z', 0);
  await whenBlocked((other) => other.zAdd('{b}z', { score: 1.5, value: 'm' }));
  await say('bzPopMin woken', popped.then(plain));
  popped = blocked.blmPop(10, ['{b}1', '{b}4'], 'LEFT', { COUNT: 2 });
  await whenBlocked((other) => other.rPush('{b}4', ['1', '2', '3']));
  await say('blmPop woken', popped);
  await say('blPop of another type', error(blocked.blPop('h', 1)));
  blocked.destroy();
}

async function scans() {
  await Promise.all(numbers(2000).map((n) => redis.set(`scan:${n}`, String(n))));
  const found = new Set();
  for await (const keys of redis.scanIterator({ MATCH: 'scan:*', COUNT: 100 })) keys.forEach((key) => found.add(key));
  await say('scanIterator', found.size);
  const typed = new Set();
  for await (const keys of redis.scanIterator({ TYPE: 'zset' })) keys.forEach((key) => typed.add(key));
  await say('scanIterator of a type', typed);
  await say('a bad cursor', error(redis.scan('x')));
}

async function theConnection() {
  const named = await connect({ name: 'session', database: 0 });
  await say('name', named.clientGetName());
  await say('clientId', named.clientId().then((id) => id > 0));
  await say('clientInfo', named.clientInfo().then(({ name, db, resp, multi }) => ({ name, db, resp, multi })));
  await say('clientList', named.clientList().then((list) => list.filter(({ name }) => name === 'session').length));
  await say('clientSetName', named.clientSetName('other'));
  await say('select 0', named.select(0));
  await say('echo', named.echo('hello'));
  await say('info', named.info().then((info) => /redis_version:/.test(info)));
  await say('configGet', named.configGet('maxmemory-policy').then(plain));
  await say('commandCount', named.commandCount().then((count) => count > 200));
  await say('time', named.time().then((time) => Math.abs(Date.now() / 1000 - Number(time[0])) < 60));
  await say('role', named.role().then((role) => role.role));
  const id = await named.clientId();
  await say('it comes back', redis.sendCommand(['CLIENT', 'KILL', 'ID', String(id)]).then(() => until(
    () => named.ping().catch(() => false), 'it does not')));
  await say('close', named.close());
}

async function errors() {
  await say('another type', error(redis.lPush('p:s', '1')));
  await say('no integer', error(redis.incr('p:s')));
  await say('too few arguments', error(redis.sendCommand(['GET'])));
  await say('an unknown command', error(redis.sendCommand(['NO.SUCH', 'a', 'b'])));
  await say('an unknown subcommand', error(redis.sendCommand(['CLIENT', 'NO.SUCH'])));
  await say('a syntax error', error(redis.sendCommand(['SET', 'a', 'b', 'NOPE'])));
}

async function bytesOfAllKinds() {
  const big = Buffer.from(numbers(1 << 20).map((n) => n % 256));
  const buffers = redis.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  await say('1 MB', redis.set('big', big));
  await say('1 MB back', buffers.get('big').then((value) => value.equals(big)));
  await say('1 MB twenty times at once', Promise.all(numbers(20).map(() => buffers.get('big').then((value) => value.length))));
  await say('many arguments', redis.sAdd('many', numbers(20000).map(String)));
  await say('text', redis.set('ключ', 'значение').then(() => redis.get('ключ')));
}

async function severalSlots() {
  await redis.sAdd('across:1', ['a', 'b']);
  await redis.sAdd('across:2', ['b', 'c']);
  await say('sInter', valueOrError(redis.sInter(['across:1', 'across:2'])));
  await say('transaction', valueOrError(redis.multi().set('across:a', '1').set('across:b', '2').exec()));
}

async function main() {
  line('client', `node-redis ${require('redis/package.json').version}`);
  redis = await connect();
  await redis.flushAll();
  await redis.scriptFlush();
  await run([
    strings, manyKeys, expiry, hashes, lists, sets, sortedSets, otherTypes, streams, pipelines, transactions, pubSub,
    scripts, blocking, scans, theConnection, errors, bytesOfAllKinds, severalSlots,
  ]);
  line('end', 'yes');
  // What a failed step has left connected does not keep the session alive.
  process.exit(0);
}

main();
