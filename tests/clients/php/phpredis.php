<?php
// A session of phpredis.

require __DIR__ . '/session.php';

function connect() {
    $r = new Redis();
    $r->connect(HOST, PORT, PATIENCE);
    $r->setOption(Redis::OPT_READ_TIMEOUT, PATIENCE);
    return $r;
}

/** The error that a command ends in, which some calls throw and others keep; or else its value. */
function answer($r, $call) {
    try {
        $value = $call();
    } catch (RedisException $error) {
        return $error;
    }
    $error = $r->getLastError();
    $r->clearLastError();
    return $error === null ? $value : [$value, rtrim($error, "\0")];
}

/** The messages of a subscription until one is `end`. */
function messages($subscribe) {
    $got = [];
    $each = function ($s, ...$message) use (&$got) {
        $got[] = $message;
        if (end($message) === 'end') {
            // Its loop ends in no other way.
            $s->close();
        }
    };
    return [error(fn () => bounded(fn () => $subscribe($each))), $got];
}

/** Waits until a client blocks, as any other sees it. */
function until_blocked($r) {
    until(fn () => $r->info('clients')['blocked_clients'] >= 1, 'a client that blocks');
}

$r = connect();
line('client', 'phpredis ' . phpversion('redis'));
$r->flushAll();
$r->script('flush');

step('connection', function () use ($r) {
    yield 'is connected' => $r->isConnected();
    yield 'ping' => $r->ping();
    yield 'ping with a text' => $r->ping('hello');
    yield 'echo' => $r->echo('hello');
    yield 'select' => $r->select(0);
    yield 'select too far' => answer($r, fn () => $r->select(99));
    yield 'select again' => [$r->select(0), $r->getDBNum()];
    yield 'setname' => $r->client('setname', 'session');
    yield 'getname' => $r->client('getname');
    yield 'an id' => $r->client('id') > 0;
    yield 'time' => count($r->time());
    yield 'auth without a password' => error(fn () => $r->auth('wrong'));
    yield 'auth of a user' => error(fn () => $r->auth(['nobody', 'wrong']));
    yield 'info' => array_key_exists('redis_version', $r->info());
    yield 'config' => $r->config('get', 'databases') !== false;
    yield 'names in the list' => count(array_filter($r->client('list'), fn ($c) => $c['name'] === 'session'));
});

step('strings', function () use ($r) {
    yield 'set' => $r->set('s', 'value');
    yield 'get' => $r->get('s');
    yield 'get nothing' => $r->get('nothing');
    yield 'set nx' => $r->set('s', 'other', ['nx']);
    yield 'set xx ex' => $r->set('s', 'other', ['xx', 'ex' => 100]);
    yield 'ttl' => between(98, $r->ttl('s'), 100);
    yield 'set get' => $r->getSet('s', 'third');
    yield 'setex' => $r->setex('s', 100, 'fourth');
    yield 'psetex' => $r->psetex('s', 100000, 'fifth');
    yield 'pttl' => between(98000, $r->pttl('s'), 100000);
    yield 'setnx' => $r->setnx('s', 'no');
    yield 'append' => $r->append('s', ' and more');
    yield 'strlen' => $r->strlen('s');
    yield 'getrange' => $r->getRange('s', 2, 5);
    yield 'setrange' => $r->setRange('s', 3, '!!');
    yield 'getdel' => $r->rawCommand('getdel', 's');
    yield 'incr' => $r->incr('n');
    yield 'incrby' => $r->incrBy('n', 41);
    yield 'decrby' => $r->decrBy('n', 2);
    yield 'incrbyfloat' => $r->incrByFloat('n', 0.5);
    yield 'setbit' => $r->setBit('bits', 7, 1);
    yield 'getbit' => $r->getBit('bits', 7);
    yield 'bitcount' => $r->bitCount('bits');
    yield 'bitpos' => $r->bitpos('bits', 1);
    yield 'bitop' => [$r->set('{b}1', 'abc'), $r->set('{b}2', 'abd'), $r->bitOp('and', '{b}3', '{b}1', '{b}2'), $r->get('{b}3')];
});

step('many keys', function () use ($r) {
    $pairs = [];
    for ($i = 0; $i < 300; $i++) {
        $pairs["many:$i"] = "value $i";
    }
    yield 'mset' => $r->mset($pairs);
    yield 'mget' => $r->mget([...array_keys($pairs), 'nothing', 'many:0']) === [...array_values($pairs), false, 'value 0'];
    yield 'exists' => $r->exists([...array_keys($pairs), 'many:0', 'nothing']);
    yield 'touch' => $r->rawCommand('touch', 'many:0', 'many:1', 'many:2', 'nothing');
    yield 'keys' => count($r->keys('many:*'));
    yield 'del' => $r->del(array_slice(array_keys($pairs), 0, 100));
    yield 'unlink' => $r->unlink(array_slice(array_keys($pairs), 100));
    yield 'exist no more' => $r->exists(array_keys($pairs));
    yield 'msetnx' => $r->msetnx(['{m}1' => 1, '{m}2' => 2]);
    yield 'msetnx again' => $r->msetnx(['{m}2' => 1, '{m}3' => 2]);
});

step('lists', function () use ($r) {
    yield 'rpush' => $r->rPush('l', 'a', 'b', 'c');
    yield 'lpush' => $r->lPush('l', 'z');
    yield 'lpushx' => $r->lPushx('nothing', 'z');
    yield 'lrange' => $r->lRange('l', 0, -1);
    yield 'llen' => $r->lLen('l');
    yield 'lindex' => $r->lIndex('l', 1);
    yield 'linsert' => $r->lInsert('l', Redis::BEFORE, 'b', 'between');
    yield 'lset' => $r->lSet('l', 0, 'first');
    yield 'lset too far' => answer($r, fn () => $r->lSet('l', 100, 'first'));
    yield 'lrem' => $r->lRem('l', 'between', 0);
    yield 'lpop' => $r->lPop('l');
    yield 'rpop' => $r->rPop('l');
    yield 'lpop nothing' => $r->lPop('nothing');
    yield 'ltrim' => $r->lTrim('l', 0, 1);
    yield 'rpoplpush' => [$r->rPush('{l}1', 'x', 'y'), $r->rpoplpush('{l}1', '{l}2'), $r->lRange('{l}2', 0, -1)];
    yield 'lpos' => $r->rawCommand('lpos', 'l', 'b');
    yield 'sort' => [$r->rPush('numbers', 3, 1, 2), $r->sort('numbers'), $r->sort('numbers', ['sort' => 'desc', 'limit' => [0, 2]])];
});

step('hashes', function () use ($r) {
    yield 'hset' => $r->hSet('h', 'a', '1');
    yield 'hset again' => $r->hSet('h', 'a', '2');
    yield 'hsetnx' => $r->hSetNx('h', 'a', '3');
    yield 'hmset' => $r->hMset('h', ['b' => 'x', 'c' => 'y']);
    yield 'hget' => $r->hGet('h', 'a');
    yield 'hget nothing' => $r->hGet('h', 'nothing');
    yield 'hmget' => $r->hMget('h', ['a', 'b', 'nothing']);
    yield 'hgetall' => by_key($r->hGetAll('h'));
    yield 'hkeys' => sorted($r->hKeys('h'));
    yield 'hvals' => sorted($r->hVals('h'));
    yield 'hlen' => $r->hLen('h');
    yield 'hexists' => [$r->hExists('h', 'a'), $r->hExists('h', 'z')];
    yield 'hincrby' => $r->hIncrBy('h', 'a', 40);
    yield 'hincrbyfloat' => $r->hIncrByFloat('h', 'a', 0.5);
    yield 'hstrlen' => $r->hStrLen('h', 'a');
    yield 'hdel' => $r->hDel('h', 'b', 'z');
});

step('sets', function () use ($r) {
    yield 'sadd' => $r->sAdd('{t}1', 'a', 'b', 'c');
    yield 'sadd another' => $r->sAdd('{t}2', 'b', 'c', 'd');
    yield 'smembers' => sorted($r->sMembers('{t}1'));
    yield 'sismember' => [$r->sIsMember('{t}1', 'a'), $r->sIsMember('{t}1', 'z')];
    yield 'scard' => $r->sCard('{t}1');
    yield 'sinter' => sorted($r->sInter('{t}1', '{t}2'));
    yield 'sunion' => sorted($r->sUnion('{t}1', '{t}2'));
    yield 'sdiff' => sorted($r->sDiff('{t}1', '{t}2'));
    yield 'sinterstore' => $r->sInterStore('{t}3', '{t}1', '{t}2');
    yield 'smove' => $r->sMove('{t}1', '{t}2', 'a');
    yield 'srem' => $r->sRem('{t}2', 'a', 'z');
    yield 'spop' => [$r->sAdd('one', 'only'), $r->sPop('one')];
    yield 'srandmember of nothing' => $r->sRandMember('nothing');
});

step('sorted sets', function () use ($r) {
    yield 'zadd' => $r->zAdd('{z}1', 1, 'a', 2.5, 'b', 3, 'c');
    yield 'zadd nx' => $r->zAdd('{z}1', ['nx'], 9, 'a');
    yield 'zscore' => $r->zScore('{z}1', 'b');
    yield 'zscore of nothing' => $r->zScore('{z}1', 'nothing');
    yield 'zincrby' => $r->zIncrBy('{z}1', 1.5, 'a');
    yield 'zrange' => $r->zRange('{z}1', 0, -1);
    yield 'zrange with scores' => $r->zRange('{z}1', 0, -1, true);
    yield 'zrevrange' => $r->zRevRange('{z}1', 0, 1);
    yield 'zrangebyscore' => $r->zRangeByScore('{z}1', '(2.5', '+inf', ['withscores' => true, 'limit' => [0, 5]]);
    yield 'zrank' => $r->zRank('{z}1', 'c');
    yield 'zcard' => $r->zCard('{z}1');
    yield 'zcount' => $r->zCount('{z}1', 2, 3);
    yield 'zunionstore' => [$r->zAdd('{z}2', 10, 'a'), $r->zUnionStore('{z}3', ['{z}1', '{z}2'], [1, 2])];
    yield 'zunionstore, the result' => $r->zRange('{z}3', 0, -1, true);
    yield 'zinterstore' => $r->zInterStore('{z}4', ['{z}1', '{z}2']);
    yield 'zpopmin' => $r->zPopMin('{z}3');
    yield 'zpopmax' => $r->zPopMax('{z}3');
    yield 'zlexcount' => [$r->zAdd('lex', 0, 'a', 0, 'b', 0, 'c'), $r->zLexCount('lex', '[a', '(c'), $r->zRangeByLex('lex', '-', '[b')];
    yield 'zrem' => $r->zRem('{z}1', 'a', 'nothing');
    yield 'zremrangebyrank' => $r->zRemRangeByRank('{z}1', 0, 0);
});

step('more types', function () use ($r) {
    yield 'pfadd' => $r->pfAdd('{p}1', ['a', 'b', 'c']);
    yield 'pfcount' => $r->pfCount('{p}1');
    yield 'pfmerge' => [$r->pfAdd('{p}2', ['c', 'd']), $r->pfMerge('{p}3', ['{p}1', '{p}2']), $r->pfCount('{p}3')];
    yield 'geoadd' => $r->geoAdd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania');
    yield 'geodist' => $r->geoDist('geo', 'Palermo', 'Catania', 'km');
    yield 'geohash' => $r->geoHash('geo', 'Palermo', 'nothing');
    yield 'geopos' => $r->geoPos('geo', 'Palermo');
    yield 'georadius' => $r->geoRadius('geo', 15, 37, 200, 'km', ['asc']);
});

step('keys', function () use ($r) {
    yield 'type' => [$r->type('l'), $r->type('h'), $r->type('{t}1'), $r->type('{z}1'), $r->type('nothing')];
    yield 'expire' => [$r->set('e', 1), $r->expire('e', 100), $r->persist('e'), $r->ttl('e'), $r->ttl('nothing')];
    yield 'pexpire' => [$r->pExpire('e', 1), until(fn () => $r->exists('e') === 0, 'a key that expires')];
    yield 'expireat' => [$r->set('e', 1), $r->expireAt('e', time() - 10), $r->exists('e')];
    yield 'rename' => [$r->set('{k}1', 'v'), $r->rename('{k}1', '{k}2'), $r->get('{k}2')];
    yield 'rename nothing' => answer($r, fn () => $r->rename('{k}1', '{k}2'));
    yield 'renamenx' => [$r->set('{k}3', 'v'), $r->renameNx('{k}2', '{k}3')];
    yield 'dump and restore' => [$r->restore('restored', 0, $r->dump('{k}2')), $r->get('restored')];
    yield 'restore again' => answer($r, fn () => $r->restore('restored', 0, $r->dump('{k}2')));
    yield 'object' => [$r->object('encoding', 'l'), $r->object('refcount', '{k}2')];
    yield 'copy' => $r->rawCommand('copy', '{k}2', '{k}4');
    yield 'randomkey' => $r->exists($r->randomKey());
    yield 'dbsize' => $r->dbSize() === count($r->keys('*'));
});

step('pipeline', function () use ($r) {
    $r->multi(Redis::PIPELINE);
    for ($i = 0; $i < 500; $i++) {
        $r->set("pipe:$i", $i)->incr("pipe:$i")->get("pipe:$i")->lPush("pipe:$i", 'x');
    }
    $expected = [];
    for ($i = 0; $i < 500; $i++) {
        array_push($expected, true, $i + 1, (string) ($i + 1), false);
    }
    $got = $r->exec();
    yield 'over many slots' => $got === $expected ? count($got) : $got;
    $r->clearLastError();
    $many = array_map(fn ($i) => "pipe:$i", range(0, 499));
    [$values, $deleted, $left, $pong] = $r->pipeline()->mget($many)->del($many)->exists($many)->ping()->exec();
    yield 'of many keys' => [array_sum($values), $deleted, $left, $pong];
});

step('transaction', function () use ($r) {
    yield 'exec' => $r->multi()->set('{tx}1', 1)->incr('{tx}1')->get('{tx}1')->hSet('{tx}2', 'f', 'v')->hGetAll('{tx}2')->exec();
    $r->multi()->set('{tx}1', 5);
    yield 'discard' => $r->discard();
    yield 'after discard' => $r->get('{tx}1');
    yield 'an error at its end' => answer($r, fn () => $r->multi()->lPush('{tx}1', 'x')->set('{tx}3', 'set')->exec());
    yield 'the rest was done' => $r->get('{tx}3');
    $r->rawCommand('multi');
    yield 'an error while queueing' => answer($r, fn () => $r->rawCommand('set', '{tx}1'));
    yield 'queued' => $r->rawCommand('set', '{tx}1', 'no');
    yield 'exec after it' => answer($r, fn () => $r->rawCommand('exec'));
    yield 'nothing was done' => $r->get('{tx}1');
    yield 'an empty one' => [$r->rawCommand('multi'), $r->rawCommand('exec')];
    yield 'exec without multi' => answer($r, fn () => $r->rawCommand('exec'));
    yield 'discard without multi' => answer($r, fn () => $r->rawCommand('discard'));
    $r->rawCommand('multi');
    yield 'multi in multi' => answer($r, fn () => $r->rawCommand('multi'));
    yield 'watch in multi' => answer($r, fn () => $r->rawCommand('watch', '{tx}1'));
    $r->rawCommand('discard');
});

step('watch', function () use ($r) {
    $other = connect();
    $r->set('{w}1', 1);
    $r->watch(['{w}1', '{w}2']);
    yield 'no conflict' => $r->multi()->incr('{w}1')->exec();
    $r->watch('{w}1');
    $other->set('{w}1', 'taken');
    yield 'a conflict' => $r->multi()->set('{w}1', 'mine')->exec();
    yield 'the other won' => $r->get('{w}1');
    $r->watch('{w}1');
    $other->set('{w}1', 'again');
    yield 'unwatch' => $r->unwatch();
    yield 'after unwatch' => $r->multi()->set('{w}1', 'mine')->exec();
    $r->watch('{w}3');
    $other->set('{w}3', 'now there');
    yield 'a key that came' => $r->multi()->get('{w}1')->exec();
});

step('publish and subscribe', function () use ($r) {
    $publish = function () {
        $p = connect();
        until(fn () => $p->pubsub('numsub', ['news', 'sport'])['sport'] >= 1, 'a subscriber');
        $p->publish('news', 'one');
        $p->publish('sport', "two\0");
        $p->publish('sport', 'end');
    };
    yield 'messages' => beside($publish, fn () => messages(fn ($each) => connect()->subscribe(['news', 'sport'], $each)));
    $publish = function () {
        $p = connect();
        until(fn () => $p->pubsub('numpat') >= 1, 'a subscriber');
        $p->publish('weather:rome', 'sun');
        $p->publish('weather:oslo', 'end');
    };
    yield 'messages of a pattern' => beside($publish, fn () => messages(fn ($each) => connect()->psubscribe(['weather:*'], $each)));
    yield 'nobody listens' => until(fn () => $r->publish('news', 'x') === 0, 'no subscriber');
});

step('blocking', function () use ($r) {
    yield 'times out' => $r->blPop(['nothing'], 1);
    yield 'has something' => [$r->rPush('{bl}1', 'x'), $r->blPop(['{bl}0', '{bl}1'], 5)];
    $push = function () {
        $p = connect();
        until_blocked($p);
        $p->rPush('{bl}2', 'pushed');
    };
    yield 'is woken' => beside($push, fn () => $r->brPop(['{bl}1', '{bl}2'], 5));
    $push = function () {
        $p = connect();
        until_blocked($p);
        $p->rPush('{bl}3', 'moved');
    };
    yield 'moves' => beside($push, fn () => $r->brpoplpush('{bl}3', '{bl}4', 5));
    $add = function () {
        $p = connect();
        until_blocked($p);
        $p->zAdd('bz', 2, 'two', 1, 'one');
    };
    yield 'pops the least' => beside($add, fn () => $r->bzPopMin(['bz'], 5));
    yield 'goes on' => $r->ping();
});

step('scan', function () use ($r) {
    $pairs = [];
    for ($i = 0; $i < 1000; $i++) {
        $pairs["scan:$i"] = $i;
    }
    $r->mset($pairs);
    $all = function ($scan) {
        $found = [];
        $cursor = null;
        while (($page = $scan($cursor)) !== false) {
            array_push($found, ...array_values($page));
        }
        return $found;
    };
    $r->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
    $found = array_unique($all(function (&$cursor) use ($r) { return $r->scan($cursor, 'scan:*', 50); }));
    yield 'keys' => count($found);
    yield 'the same keys' => sorted($found) === sorted(array_keys($pairs));
    $r->setOption(Redis::OPT_SCAN, Redis::SCAN_NORETRY);
    $found = array_unique($all(function (&$cursor) use ($r) { return $r->scan($cursor); }));
    yield 'all keys' => count($found) === $r->dbSize();
    $r->sAddArray('scan-set', range(1, 700));
    $found = $all(function (&$cursor) use ($r) { return $r->sScan('scan-set', $cursor, '*', 20); });
    yield 'a set' => count(array_unique($found));
    $r->hMset('scan-hash', $pairs);
    $found = $all(function (&$cursor) use ($r) { return $r->hScan('scan-hash', $cursor, 'scan:*', 20); });
    yield 'a hash' => array_sum(array_unique($found));
    yield 'a sorted set' => [$r->zAdd('scan-zset', 1, 'a', 2, 'b'), $all(function (&$cursor) use ($r) { return $r->zScan('scan-zset', $cursor); })];
    $r->del(array_keys($pairs));
});

step('scripts', function () use ($r) {
    yield 'eval' => $r->eval('return {KEYS[1], ARGV[1], 3, false, {1, "two"}}', ['{sc}1', 'arg'], 1);
    yield 'eval without keys' => $r->eval('return "none"');
    yield 'eval that writes' => $r->eval('redis.call("set", KEYS[1], ARGV[1]) return redis.call("get", KEYS[1])', ['{sc}1', 'written'], 1);
    $sha = $r->script('load', 'return redis.call("incrby", KEYS[1], ARGV[1])');
    yield 'load' => $sha;
    yield 'evalsha' => [$r->evalSha($sha, ['{sc}2', 5], 1), $r->evalSha($sha, ['sc3', 6], 1), $r->evalSha($sha, ['sc4', 7], 1)];
    yield 'exists' => $r->script('exists', $sha, str_repeat('0', 40));
    yield 'evalsha of nothing' => answer($r, fn () => $r->evalSha(str_repeat('0', 40), [], 0));
    yield 'an error of its own' => answer($r, fn () => $r->eval('return redis.error_reply("MINE it is")'));
    yield 'status' => $r->eval('return redis.status_reply("FINE")');
    yield 'a type error in it' => answer($r, fn () => $r->eval('return redis.pcall("lpush", KEYS[1], 1)', ['{sc}1'], 1));
    yield 'one that does not compile' => substr(text(answer($r, fn () => $r->eval('return return'))), 0, 60);
    yield 'flush' => [$r->script('flush'), $r->script('exists', $sha)];
});

step('streams', function () use ($r) {
    yield 'xadd' => [$r->xAdd('st', '1-1', ['a' => '1', 'b' => '2']), $r->xAdd('st', '1-2', ['a' => '3'])];
    yield 'xadd too small' => answer($r, fn () => $r->xAdd('st', '1-1', ['a' => '1']));
    yield 'xlen' => $r->xLen('st');
    yield 'xrange' => $r->xRange('st', '-', '+');
    yield 'xrevrange' => $r->xRevRange('st', '+', '-', 1);
    yield 'xread' => $r->xRead(['st' => '1-1']);
    yield 'xread of two' => [$r->xAdd('{st}2', '5-0', ['x' => 'y']), $r->xRead(['st' => '1-1', '{st}2' => '0'], 10)];
    yield 'group' => $r->xGroup('CREATE', 'st', 'g', '0');
    yield 'group again' => answer($r, fn () => $r->xGroup('CREATE', 'st', 'g', '0'));
    yield 'group of nothing' => answer($r, fn () => $r->xGroup('CREATE', 'no-stream', 'g', '0'));
    yield 'group with its stream' => $r->xGroup('CREATE', 'new-stream', 'g', '$', true);
    yield 'xreadgroup' => $r->xReadGroup('g', 'alice', ['st' => '>'], 1);
    yield 'xreadgroup of another' => $r->xReadGroup('g', 'bob', ['st' => '>'], 10);
    yield 'xreadgroup of no group' => answer($r, fn () => $r->xReadGroup('none', 'bob', ['st' => '>'], 10));
    yield 'xpending' => $r->xPending('st', 'g');
    yield 'xack' => $r->xAck('st', 'g', ['1-1']);
    yield 'xclaim' => $r->xClaim('st', 'g', 'alice', 0, ['1-2'], ['JUSTID']);
    yield 'xinfo' => count($r->xInfo('GROUPS', 'st'));
    yield 'xinfo of the stream' => $r->xInfo('STREAM', 'st')['length'];
    $add = function () {
        $p = connect();
        until_blocked($p);
        $p->xAdd('st', '9-9', ['late' => 'yes']);
    };
    yield 'is woken' => beside($add, fn () => $r->xReadGroup('g', 'alice', ['st' => '>'], 1, 5000));
    yield 'xread times out' => $r->xRead(['st' => '$'], 1, 10);
    yield 'xdel' => $r->xDel('st', ['1-1']);
    yield 'xtrim' => $r->xTrim('st', 1);
    yield 'delete a consumer' => $r->xGroup('DELCONSUMER', 'st', 'g', 'bob');
    yield 'destroy' => $r->xGroup('DESTROY', 'st', 'g');
});

step('errors', function () use ($r) {
    $r->set('s', 'text');
    yield 'wrong type' => answer($r, fn () => $r->lPush('s', 'x'));
    yield 'not a number' => answer($r, fn () => $r->incr('s'));
    yield 'no float' => answer($r, fn () => $r->incrByFloat('s', 1.5));
    yield 'syntax' => answer($r, fn () => $r->rawCommand('set', 's', 'v', 'nonsense'));
    yield 'arguments' => answer($r, fn () => $r->rawCommand('get'));
    yield 'too many arguments' => answer($r, fn () => $r->rawCommand('get', 'a', 'b'));
    yield 'unknown' => answer($r, fn () => $r->rawCommand('nonsense', 'a', 'b'));
    yield 'unknown subcommand' => answer($r, fn () => $r->rawCommand('object', 'nonsense', 'a'));
    yield 'expiry' => answer($r, fn () => $r->rawCommand('setex', 's', '0', 'v'));
    yield 'an empty name' => answer($r, fn () => $r->rawCommand(''));
    yield 'no such database' => answer($r, fn () => $r->rawCommand('select', 'x'));
    yield 'nothing was changed' => $r->get('s');
});

step('values', function () use ($r) {
    $big = str_repeat("0123456789abcde\0", 65536);
    yield 'a megabyte' => [$r->set('big', $big), $r->get('big'), $r->get('big') === $big];
    yield 'a big list' => [$r->rPush('bigs', $big, $big), $r->lRange('bigs', 0, -1)];
    yield 'a binary key' => [$r->set("\0\r\n\xff key", "\r\n\0"), $r->get("\0\r\n\xff key")];
    yield 'an empty value' => [$r->set('empty', ''), $r->get('empty'), $r->strlen('empty')];
    yield 'an empty key' => [$r->set('', 'x'), $r->get(''), $r->del('')];
    $r->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_PHP);
    yield 'serialised' => [$r->set('object', ['a' => [1, 2.5, null]]), $r->get('object')];
    $r->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_NONE);
    $r->setOption(Redis::OPT_PREFIX, 'app:');
    yield 'a prefix' => [$r->set('s', 'prefixed'), $r->mget(['s', 'other']), sorted($r->keys('*'))];
    $r->setOption(Redis::OPT_PREFIX, '');
    yield 'the key has it' => $r->get('app:s');
});

step('persistent connection', function () {
    $first = new Redis();
    yield 'connects' => $first->pconnect(HOST, PORT, PATIENCE, 'pool');
    $id = $first->client('id');
    $first->client('setname', 'kept');
    yield 'works' => $first->set('persistent', 'yes');
    unset($first);
    $second = new Redis();
    yield 'connects again' => $second->pconnect(HOST, PORT, PATIENCE, 'pool');
    yield 'is the same' => [$second->client('id') === $id, $second->client('getname')];
    yield 'still works' => $second->get('persistent');
});

step('session handler', function () use ($r) {
    ini_set('session.save_handler', 'redis');
    ini_set('session.save_path', 'tcp://' . HOST . ':' . PORT . '?timeout=10&read_timeout=10&prefix=sess:');
    ini_set('session.use_cookies', '0');
    ini_set('session.cache_limiter', '');
    ini_set('redis.session.locking_enabled', '1');
    session_id('abcdef0123456789abcdef0123456789');
    yield 'starts' => session_start();
    yield 'is new' => $_SESSION;
    $_SESSION['user'] = ['name' => 'Ann', 'cart' => [1, 2]];
    yield 'is locked' => $r->exists('sess:abcdef0123456789abcdef0123456789_LOCK');
    yield 'is written' => session_write_close();
    yield 'as' => $r->get('sess:abcdef0123456789abcdef0123456789');
    yield 'expires' => between(1400, $r->ttl('sess:abcdef0123456789abcdef0123456789'), 1440);
    $_SESSION = [];
    yield 'starts again' => session_start();
    yield 'is the old one' => $_SESSION;
    yield 'is destroyed' => session_destroy();
    yield 'is gone' => $r->exists('sess:abcdef0123456789abcdef0123456789');
});

step('end of a connection', function () {
    $r = connect();
    yield 'quit' => $r->rawCommand('quit');
});

line('end', 'yes');
