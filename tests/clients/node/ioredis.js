// A session of ioredis.
'use strict';

const Redis = require('ioredis');

const { url, protocol, line, say, run, error, valueOrError, until, numbers } = require('./session.js');

const options = { protocol, maxRetriesPerRequest: 1 };
const connect = (more = {}) => {
  const client = new Redis(url, { ...options, ...more });
  // An error of a connection is told by the command that meets it.
  client.on('error', () => {});
  return client;
};
const redis = connect();

// Calls `call` with a second connection when somebody is seen to be blocked.
async function whenBlocked(call) {
  const other = connect();
  await until(async () => !/blocked_clients:0\r/.test(await other.info('clients')), 'nobody is blocked');
  await call(other);
  other.disconnect();
}

async function strings() {
  await say('set', redis.set('s', 'value'));
  await say('get', redis.get('s'));
  await say('get of nothing', redis.get('nothing'));
  await say('set nx', redis.set('s', 'other', 'NX'));
  await say('set xx get', redis.set('s', 'third', 'XX', 'GET'));
  await say('set ex', redis.set('s:ex', 'v', 'EX', 100));
  await say('append', redis.append('s', '!'));
  await say('getrange', redis.getrange('s', 1, -2));
  await say('incr', redis.incr('n'));
  await say('incrbyfloat', redis.incrbyfloat('f', 0.5));
  await say('getdel', redis.getdel('s'));
  await say('empty value', redis.set('empty', '').then(() => redis.get('empty')));
  await say('lcs', redis.mset('{l}a', 'ohmytext', '{l}b', 'mynewtext').then(() => redis.lcs('{l}a', '{l}b', 'IDX')));
  await say('buffers', redis.set(Buffer.from([0, 13, 10, 255]), Buffer.from([255, 13, 10])));
  await say('a buffer back', redis.getBuffer(Buffer.from([0, 13, 10, 255])));
}

async function manyKeys() {
  const keys = numbers(300).map((n) => `key:${n}`);
  await say('mset', redis.mset(Object.fromEntries(keys.map((key) => [key, `of ${key}`]))));
  await say('mget', redis.mget(...keys, 'nothing'));
  await say('exists', redis.exists(...keys, 'nothing', keys[0]));
  await say('touch', redis.touch(...keys));
  await say('del', redis.del(...keys.slice(0, 100), 'nothing'));
  await say('unlink', redis.unlink(...keys.slice(50, 200)));
  await say('what is left', redis.exists(...keys));
  await say('msetnx of one slot', redis.msetnx('{m}1', 1, '{m}2', 2));
  await say('keys', redis.keys('key:2[0-9]9').then((found) => found.sort()));
  await say('dbsize', redis.dbsize());
}

async function expiry() {
  await redis.set('e', 'v');
  await say('no time', redis.ttl('e'));
  await say('expire', redis.expire('e', 10000));
  await say('ttl', redis.ttl('e').then((ttl) => ttl > 9990 && ttl <= 10000));
  await say('persist', redis.persist('e'));
  await say('expireat', redis.expireat('e', 33177117420));
  await say('expiretime', redis.expiretime('e'));
  await say('in the past', redis.expire('e', -1));
  await say('gone', redis.exists('e'));
  await redis.set('e:soon', 'v', 'PX', 20);
  await say('it expires', until(async () => (await redis.get('e:soon')) === null, 'it does not'));
}

async function hashes() {
  await say('hset', redis.hset('h', { a: 1, b: 'two' }));
  await say('hgetall', redis.hgetall('h'));
  await say('hgetall of nothing', redis.hgetall('nothing'));
  await say('hmget', redis.hmget('h', 'a', 'x', 'b'));
  await say('hincrby', redis.hincrby('h', 'a', 5));
  await say('hincrbyfloat', redis.hincrbyfloat('h', 'f', 1.5));
  await say('hdel', redis.hdel('h', 'a', 'x'));
  await say('hrandfield', redis.hrandfield('h', 10, 'WITHVALUES').then((found) => found.flat().sort()));
  await redis.hset('h:big', Object.fromEntries(numbers(1000).map((n) => [`f${n}`, n])));
  let count = 0;
  for await (const batch of redis.hscanStream('h:big', { count: 100 })) count += batch.length / 2;
  await say('hscanStream', count);
}

async function lists() {
  await say('rpush', redis.rpush('l', 'a', 'b', 'c'));
  await say('lrange', redis.lrange('l', 0, -1));
  await say('linsert', redis.linsert('l', 'BEFORE', 'b', 'x'));
  await say('lpop', redis.lpop('l', 2));
  await say('lset', error(redis.lset('l', 99, 'x')));
  await say('lmove', redis.lmove('l', 'l', 'LEFT', 'RIGHT'));
  await say('lmpop', redis.lmpop(2, '{l}none', '{l}also', 'LEFT'));
}

async function sets() {
  await say('sadd', redis.sadd('{s}1', 'a', 'b', 'c'));
  await redis.sadd('{s}2', 'b', 'c', 'd');
  await say('smembers', redis.smembers('{s}1').then((found) => found.sort()));
  await say('smismember', redis.smismember('{s}1', 'a', 'x'));
  await say('sinter', redis.sinter('{s}1', '{s}2').then((found) => found.sort()));
  await say('sinterstore', redis.sinterstore('{s}3', '{s}1', '{s}2'));
  await redis.sadd('s:big', ...numbers(2000));
  const found = new Set();
  for await (const batch of redis.sscanStream('s:big')) batch.forEach((member) => found.add(member));
  await say('sscanStream', found.size);
}

async function sortedSets() {
  await say('zadd', redis.zadd('{z}1', 1, 'a', 2.5, 'b', '+inf', 'c'));
  await say('zadd incr', redis.zadd('{z}1', 'INCR', 0.5, 'a'));
  await say('zrange', redis.zrange('{z}1', 0, -1, 'WITHSCORES'));
  await say('zrangebyscore', redis.zrangebyscore('{z}1', '-inf', '(4', 'WITHSCORES', 'LIMIT', 0, 5));
  await say('zscore', redis.zscore('{z}1', 'a'));
  await say('zmscore', redis.zmscore('{z}1', 'a', 'x'));
  await say('zrank', redis.zrank('{z}1', 'x'));
  await redis.zadd('{z}2', 10, 'b', 4, 'd');
  await say('zunion', redis.zunion(2, '{z}1', '{z}2', 'WITHSCORES'));
  await say('zunionstore', redis.zunionstore('{z}3', 2, '{z}1', '{z}2'));
  await say('zpopmin', redis.zpopmin('{z}3', 2));
  await say('zmpop', redis.zmpop(1, '{z}2', 'MIN', 'COUNT', 2));
}

async function otherTypes() {
  await say('setbit', redis.setbit('bits', 7, 1));
  await say('bitfield', redis.bitfield('bits', 'INCRBY', 'u8', 8, 100, 'GET', 'u8', 0));
  await say('pfadd', redis.pfadd('{p}1', 'a', 'b'));
  await say('pfcount', redis.pfcount('{p}1', '{p}2'));
  await say('geoadd', redis.geoadd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania'));
  await say('geodist', redis.geodist('geo', 'Palermo', 'Catania', 'km'));
  await say('geosearch', redis.geosearch('geo', 'FROMLONLAT', 15, 37, 'BYRADIUS', 200, 'km', 'ASC', 'WITHCOORD'));
  await say('sort', redis.rpush('{sort}l', 3, 1, 2).then(() => redis.sort('{sort}l', 'DESC')));
  await say('dump', redis.dumpBuffer('{sort}l').then((dumped) => redis.restore('restored', 0, dumped)));
  await say('copy', redis.copy('{sort}l', '{sort}copy'));
  await say('rename', redis.rename('{sort}copy', '{sort}renamed'));
  await say('object encoding', redis.object('ENCODING', 'n'));
}

async function streams() {
  for (const n of [1, 2, 3, 4]) await say(`xadd ${n}`, redis.xadd('x', `1-${n}`, 'a', n));
  await say('xrange', redis.xrange('x', '-', '+', 'COUNT', 2));
  await say('xread', redis.xread('COUNT', 10, 'STREAMS', 'x', '1-2'));
  await say('xgroup create', redis.xgroup('CREATE', 'x', 'g', '0'));
  await say('xgroup create again', error(redis.xgroup('CREATE', 'x', 'g', '0')));
  await say('xreadgroup', redis.xreadgroup('GROUP', 'g', 'one', 'COUNT', 2, 'STREAMS', 'x', '>'));
  await say('xack', redis.xack('x', 'g', '1-1', '9-9'));
  await say('xpending', redis.xpending('x', 'g'));
  await say('xclaim', redis.xclaim('x', 'g', 'two', 0, '1-2'));
  await say('xautoclaim', redis.xautoclaim('x', 'g', 'one', 0, '0-0'));
  await say('xinfo groups', redis.xinfo('GROUPS', 'x'));
  await say('xread block timing out', redis.xread('BLOCK', 20, 'STREAMS', 'x', '$'));
  const woken = connect();
  const read = woken.xread('BLOCK', 10000, 'STREAMS', 'x', '2-0');
  await whenBlocked((other) => other.xadd('x', '2-1', 'late', 'yes'));
  await say('xread block woken', read);
  woken.disconnect();
}

async function pipelines() {
  const pipe = redis.pipeline();
  for (const n of numbers(500)) pipe.set(`p:${n}`, n).incr(`p:${n}`).get(`p:${n}`);
  await say('of 1500 commands over many slots', pipe.exec());
  await say('with errors in it', redis.pipeline()
    .set('p:s', 'text').lpush('p:s', 1).get('p:s').hgetall('h').mget('p:1', 'p:2', 'p:3').incr('p:s')
    .del('p:1', 'p:2').ping().call('NO.SUCH', 'p:1').exec());
  await say('of nothing', redis.pipeline().exec());
  const gets = numbers(2000).map((n) => redis.get(`p:${n % 500}`));
  await say('2000 at once', Promise.all(gets));
  const mixed = numbers(500).map((n) => valueOrError([
    () => redis.incr(`mixed:${n}`), () => redis.lpush('p:s', n), () => redis.mget(`p:${n}`, 'p:s'), () => redis.echo(n),
  ][n % 4]()));
  await say('500 mixed at once', Promise.all(mixed));
  const auto = connect({ enableAutoPipelining: true });
  await say('automatic', Promise.all(numbers(200).map((n) => auto.get(`p:${n}`))));
  auto.disconnect();
}

async function transactions() {
  await say('of one slot', redis.multi().set('{t}a', 1).incr('{t}a').hset('{t}h', 'f', 'v').hgetall('{t}h').exec());
  await say('with an error in it', redis.multi().set('{t}a', 'text').incr('{t}a').get('{t}a').exec());
  await say('that is refused', error(redis.multi().set('{t}a', 'never').call('GET').exec()));
  await say('after it', redis.get('{t}a'));
  await say('without a pipeline', redis.multi({ pipeline: false }));
  await say('queued', redis.set('{t}b', 1));
  await say('executed', redis.exec());
  await say('started again', redis.multi({ pipeline: false }));
  await say('discarded', redis.discard());
  await say('watch', redis.watch('{t}w'));
  await say('undisturbed', redis.multi().set('{t}w', 'mine').exec());
  const other = connect();
  await redis.watch('{t}w');
  await other.set('{t}w', 'other');
  await say('disturbed', redis.multi().set('{t}w', 'mine').exec());
  await say('the value', redis.get('{t}w'));
  await redis.watch('{t}w');
  await redis.unwatch();
  await other.set('{t}w', 'again');
  await say('unwatched', redis.multi().set('{t}w', 'mine').exec());
  await say('exec alone', error(redis.exec()));
  other.disconnect();
}

async function pubSub() {
  const [subscriber, found] = [connect(), []];
  subscriber.on('message', (channel, message) => found.push(`${channel} ${message}`));
  subscriber.on('pmessage', (pattern, channel, message) => found.push(`${pattern} ${channel} ${message}`));
  const count = (wanted) => until(() => found.length >= wanted && found.splice(0), `only ${found} came`);
  await say('subscribe', subscriber.subscribe('c:1', 'c:2'));
  await say('psubscribe', subscriber.psubscribe('c:[34]'));
  for (const name of ['c:1', 'c:2', 'c:3', 'd']) await say(`publish to ${name}`, redis.publish(name, `to ${name}`));
  await say('messages', count(3).then((messages) => messages.sort()));
  await say('pubsub channels', redis.pubsub('CHANNELS', 'c:*').then((names) => names.sort()));
  await say('pubsub numsub', redis.pubsub('NUMSUB', 'c:1', 'none'));
  await say('a command while subscribed', valueOrError(subscriber.get('p:3')));
  await say('ping while subscribed', valueOrError(subscriber.ping()));
  await say('unsubscribe', subscriber.unsubscribe('c:1'));
  await say('publish to nobody', redis.publish('c:1', 'x'));
  for (const n of numbers(200)) redis.publish('c:2', n);
  await say('200 messages in order', count(200));
  await say('unsubscribe from what is left', subscriber.unsubscribe('c:2'));
  await say('punsubscribe', subscriber.punsubscribe('c:[34]'));
  await say('a command after it', subscriber.get('p:3'));
  subscriber.disconnect();
  const sharded = connect();
  sharded.on('smessage', (channel, message) => found.push(`${channel} ${message}`));
  await say('ssubscribe', sharded.ssubscribe('{shard}1'));
  await say('spublish', redis.spublish('{shard}1', 'v'));
  await say('smessage', count(1));
  sharded.disconnect();
}

async function scripts() {
  redis.defineCommand('add', { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
  await say('defineCommand', redis.add('script', 5));
  await say('again', redis.add('script', 7));
  await redis.script('FLUSH');
  await say('after a flush', redis.add('script', 1));
  const pipe = redis.pipeline();
  for (const n of numbers(20)) pipe.add(`script:${n}`, n);
  await say('in a pipeline', pipe.exec());
  await say('in a transaction', redis.multi().add('script', 1).exec());
  await say('evalsha of nothing', error(redis.evalsha('0'.repeat(40), 1, 'k')));
  await say('eval without keys', redis.eval("return {ARGV[1], 2, {3, 'four'}, false}", 0, 'one'));
  await say('an error in it', error(redis.eval("return redis.call('LPUSH', KEYS[1], 1)", 1, 'script')));
  await say('script exists', redis.script('EXISTS', '0'.repeat(40)));
}

async function blocking() {
  await say('blpop timing out', redis.blpop('b:none', 0.05));
  const blocked = connect();
  let popped = blocked.blpop('{b}1', '{b}2', 10);
  await whenBlocked((other) => other.rpush('{b}2', 'pushed'));
  await say('blpop woken', popped);
  popped = blocked.blmove('{b}1', '{b}3', 'LEFT', 'RIGHT', 10);
  const behind = blocked.get('p:3');
  await whenBlocked((other) => other.rpush('{b}1', 'moved'));
  await say('blmove woken', popped);
  await say('what was sent behind it', behind);
  popped = blocked.bzpopmin('{b}z', 0);
  await whenBlocked((other) => other.zadd('{b}z', 1.5, 'm'));
  await say('bzpopmin woken', popped);
  await say('blpop of another type', error(blocked.blpop('h', 1)));
  // A client that goes away while it is blocked takes nothing.
  blocked.blpop('{b}gone', 0).catch(() => {});
  await whenBlocked(async (other) => {
    blocked.disconnect();
    await until(async () => /blocked_clients:0\r/.test(await other.info('clients')), 'it is still blocked');
    await other.rpush('{b}gone', 'x');
  });
  await say('what a client that went away did not take', redis.llen('{b}gone'));
}

async function scans() {
  const pipe = redis.pipeline();
  for (const n of numbers(2000)) pipe.set(`scan:${n}`, n);
  await pipe.exec();
  const found = new Set();
  for await (const batch of redis.scanStream({ match: 'scan:*', count: 100 })) batch.forEach((key) => found.add(key));
  await say('scanStream', found.size);
  const typed = new Set();
  for await (const batch of redis.scanStream({ type: 'zset' })) batch.forEach((key) => typed.add(key));
  await say('scanStream of a type', typed);
  await say('a bad cursor', error(redis.scan('x')));
}

async function theConnection() {
  const named = connect({ connectionName: 'session', db: 0 });
  await say('name', named.client('GETNAME'));
  await say('client id', named.client('ID').then((id) => id > 0));
  await say('client list', named.client('LIST').then((list) => list.split('\n').filter((one) => /name=session/.test(one)).length));
  await say('client info', named.client('INFO').then((info) => /name=session db=0/.test(info.replace(/ age.*? db/, ' db'))));
  await say('select 0', named.select(0));
  await say('echo', named.echo('hello'));
  await say('info', named.info().then((info) => /redis_version:/.test(info)));
  await say('config get', named.config('GET', 'maxmemory-policy'));
  await say('time', named.time().then((time) => time.length));
  await say('role', named.role().then((role) => role[0]));
  await say('quit', named.quit());
  const lazy = connect({ lazyConnect: true });
  await say('lazy', lazy.connect().then(() => lazy.ping()));
  lazy.disconnect();
  const reply = connect();
  await say('it comes back', redis.client('KILL', 'ID', await reply.client('ID')).then(() => until(
    () => reply.ping().catch(() => false), 'it does not')));
  reply.disconnect();
}

async function errors() {
  await say('another type', error(redis.lpush('p:s', 1)));
  await say('no integer', error(redis.incr('p:s')));
  await say('too few arguments', error(redis.call('GET')));
  await say('an unknown command', error(redis.call('NO.SUCH', 'a', 'b')));
  await say('an unknown subcommand', error(redis.call('CLIENT', 'NO.SUCH')));
  await say('a syntax error', error(redis.set('a', 'b', 'NOPE')));
  await say('no float', error(redis.zadd('z:bad', 'x', 'm')));
}

async function bytesOfAllKinds() {
  const big = Buffer.from(numbers(1 << 20).map((n) => n % 256));
  await say('1 MB', redis.set('big', big));
  await say('1 MB back', redis.getBuffer('big').then((value) => value.equals(big)));
  await say('1 MB twenty times at once', Promise.all(numbers(20).map(() => redis.getBuffer('big').then((value) => value.length))));
  await say('many arguments', redis.sadd('many', ...numbers(20000)));
  await say('text', redis.set('ключ', 'значение').then(() => redis.get('ключ')));
}

async function severalSlots() {
  await redis.sadd('across:1', 'a', 'b');
  await redis.sadd('across:2', 'b', 'c');
  await say('sinter', valueOrError(redis.sinter('across:1', 'across:2')));
  await say('transaction', valueOrError(redis.multi().set('across:a', 1).set('across:b', 2).exec()));
}

async function main() {
  line('client', `ioredis ${require('ioredis/package.json').version}`);
  await redis.flushall();
  await redis.script('FLUSH');
  await run([
    strings, manyKeys, expiry, hashes, lists, sets, sortedSets, otherTypes, streams, pipelines, transactions, pubSub,
    scripts, blocking, scans, theConnection, errors, bytesOfAllKinds, severalSlots,
  ]);
  line('end', 'yes');
  redis.disconnect();
  // What a failed step has left connected does not keep the session alive.
  process.exit(0);
}

main();
