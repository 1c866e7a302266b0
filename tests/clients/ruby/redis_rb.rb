# A session of redis-rb.

require 'digest'
require 'redis'
require 'timeout'

# The bound of every wait, in seconds.
PATIENCE = 10

URL = ARGV[0]

def connect(**options)
  Redis.new(url: URL, timeout: PATIENCE, **options)
end

def line(name, value)
  puts "#{name}: #{value}"
end

# A value on one line, the same in every run: what is long is a hash.
def text(value)
  case value
  when String
    value.bytesize > 500 ? "string of #{value.bytesize}, #{Digest::SHA256.hexdigest(value)[0, 16]}" : value.b.inspect
  when Array then "[#{value.map { |item| text(item) }.join(', ')}]"
  when Hash then "{#{value.map { |key, item| "#{text(key)} => #{text(item)}" }.join(', ')}}"
  when Exception then "#{value.class}: #{value.message.split.join(' ')}"
  else value.inspect
  end
end

# Runs a block, each of whose results is a line.
def step(name)
  result = ->(what, value) { line("#{name}, #{what}", text(value)) }
  Timeout.timeout(3 * PATIENCE) { yield result }
rescue StandardError => e
  line("#{name}, fails", "FAILED #{text(e)}")
end

# The error that a block is expected to end in.
def error
  value = yield
rescue Redis::BaseError => e
  e
else
  raise "no error, but #{text(value)}"
end

# The first value of the block that is true.
def wait_until(what)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + PATIENCE
  until (value = yield)
    raise "#{what}: not within #{PATIENCE} s" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

    sleep 0.01
  end
  value
end

# Runs a block in another thread, with a connection of its own, while this one goes on.
def beside
  Thread.new do
    Thread.current.report_on_exception = false
    yield connect
  end
end

# Waits until a client blocks, as any other sees it.
def wait_until_blocked(redis)
  wait_until('a client that blocks') { redis.info('clients')['blocked_clients'].to_i >= 1 }
end

$stdout.sync = true
r = connect
line('client', "redis-rb #{Redis::VERSION}")
r.flushall
r.script(:flush)

step('connection') do |result|
  result['ping', r.ping]
  result['ping with a text', r.ping('hello')]
  result['echo', r.echo('hello')]
  result['select', r.select(0)]
  result['select too far', error { r.select(99) }]
  r.select(0)
  result['setname', r.call('client', 'setname', 'session')]
  result['getname', r.call('client', 'getname')]
  result['names in the list', r.client(:list).count { |client| client['name'] == 'session' }]
  result['a name at once', connect(id: 'x').ping]
  result['time', r.time.length]
  result['auth without a password', error { r.auth('wrong') }]
  result['auth of a user', error { r.auth('nobody', 'wrong') }]
  result['a password at once', error { connect(password: 'wrong').ping }.class]
  result['a database', connect(db: 0).ping]
  result['info', r.info.key?('redis_version')]
  result['config', r.config(:get, 'databases').keys]
  result['command count', r.call('command', 'count') > 200]
  result['connected', r.connected?]
end

step('strings') do |result|
  result['set', r.set('s', 'value')]
  result['get', [r.get('s'), r.get('nothing')]]
  result['set nx', r.set('s', 'other', nx: true)]
  result['set ex xx', r.set('s', 'other', ex: 100, xx: true)]
  result['set get', r.set('s', 'newer', get: true)]
  result['ttl', r.expire('s', 100) && r.ttl('s').between?(98, 100)]
  result['getset', r.getset('s', 'third')]
  result['setex', [r.setex('s', 100, 'fourth'), r.psetex('s', 100_000, 'fifth')]]
  result['pttl', r.pttl('s').between?(98_000, 100_000)]
  result['getex', [r.getex('s', persist: true), r.ttl('s')]]
  result['setnx', r.setnx('s', 'no')]
  result['append', [r.append('s', ' and more'), r.strlen('s')]]
  result['getrange', r.getrange('s', 2, 5)]
  result['setrange', r.setrange('s', 3, '!!')]
  result['getdel', [r.getdel('s'), r.exists?('s')]]
  result['incr', [r.incr('n'), r.incrby('n', 41), r.decr('n'), r.decrby('n', 2), r.incrbyfloat('n', 0.5)]]
  result['bits', [r.setbit('bits', 7, 1), r.getbit('bits', 7), r.bitcount('bits'), r.bitpos('bits', 1)]]
  result['bitop', [r.set('{b}1', 'abc'), r.set('{b}2', 'abd'), r.bitop('and', '{b}3', '{b}1', '{b}2'), r.get('{b}3')]]
end

step('many keys') do |result|
  pairs = (0...300).to_h { |i| ["many:#{i}", "value #{i}"] }
  keys = pairs.keys
  result['mset', r.mapped_mset(pairs)]
  result['mget', r.mget(*keys, 'nothing', 'many:0') == [*pairs.values, nil, 'value 0']]
  result['mapped mget', r.mapped_mget(*keys) == pairs]
  result['exists', r.exists(*keys, 'many:0', 'nothing')]
  result['touch', r.touch('many:0', 'many:1', 'many:2', 'nothing')]
  result['keys', r.keys('many:*').length]
  result['del', r.del(keys.take(100))]
  result['unlink', r.unlink(keys.drop(100))]
  result['exist no more', r.exists(*keys)]
  result['msetnx', [r.msetnx('{m}1', 1, '{m}2', 2), r.msetnx('{m}2', 1, '{m}3', 2)]]
end

step('lists') do |result|
  result['rpush', [r.rpush('l', %w[a b c]), r.lpush('l', 'z'), r.lpushx('nothing', 'z')]]
  result['lrange', r.lrange('l', 0, -1)]
  result['lindex', [r.llen('l'), r.lindex('l', 1)]]
  result['linsert', r.linsert('l', 'before', 'b', 'between')]
  result['lset', [r.lset('l', 0, 'first'), error { r.lset('l', 100, 'first') }]]
  result['lrem', r.lrem('l', 0, 'between')]
  result['pops', [r.lpop('l'), r.rpop('l'), r.lpop('nothing'), r.lpop('l', 2)]]
  result['rpoplpush', [r.rpush('{l}1', %w[x y]), r.rpoplpush('{l}1', '{l}2'), r.lmove('{l}1', '{l}2', 'LEFT', 'RIGHT'), r.lrange('{l}2', 0, -1)]]
  result['sort', [r.rpush('numbers', [3, 1, 2]), r.sort('numbers'), r.sort('numbers', order: 'desc', limit: [0, 2])]]
end

step('hashes') do |result|
  result['hset', [r.hset('h', 'a', '1'), r.hset('h', { 'b' => 'x', 'c' => 'y' }), r.hsetnx('h', 'a', '3')]]
  result['hget', [r.hget('h', 'a'), r.hget('h', 'nothing'), r.hmget('h', 'a', 'b', 'nothing')]]
  result['mapped hmget', r.mapped_hmget('h', 'a', 'b')]
  result['hgetall', r.hgetall('h').sort.to_h]
  result['hkeys', [r.hkeys('h').sort, r.hvals('h').sort, r.hlen('h')]]
  result['hexists', [r.hexists('h', 'a'), r.hexists('h', 'z')]]
  result['hincrby', [r.hincrby('h', 'a', 40), r.hincrbyfloat('h', 'a', 0.5), r.hstrlen('h', 'a')]]
  result['hrandfield', r.hrandfield('h', 10, with_values: true).sort]
  result['hdel', r.hdel('h', 'b', 'z')]
end

step('sets') do |result|
  result['sadd', [r.sadd('{t}1', %w[a b c]), r.sadd('{t}2', %w[b c d]), r.sadd?('{t}2', 'b')]]
  result['smembers', [r.smembers('{t}1').sort, r.scard('{t}1')]]
  result['sismember', [r.sismember('{t}1', 'a'), r.sismember('{t}1', 'z'), r.smismember('{t}1', 'a', 'z')]]
  result['sinter', [r.sinter('{t}1', '{t}2').sort, r.sunion('{t}1', '{t}2').sort, r.sdiff('{t}1', '{t}2').sort]]
  result['sinterstore', [r.sinterstore('{t}3', '{t}1', '{t}2'), r.sunionstore('{t}3', '{t}1', '{t}2'), r.sdiffstore('{t}3', '{t}1', '{t}2')]]
  result['smove', [r.smove('{t}1', '{t}2', 'a'), r.srem('{t}2', %w[a z])]]
  result['spop', [r.sadd?('one', 'only'), r.srandmember('one'), r.spop('one'), r.spop('one')]]
end

step('sorted sets') do |result|
  result['zadd', [r.zadd('{z}1', [[1, 'a'], [2.5, 'b'], [3, 'c']]), r.zadd('{z}1', 9, 'a', nx: true), r.zadd('{z}1', 1, 'a', incr: true)]]
  result['zscore', [r.zscore('{z}1', 'b'), r.zscore('{z}1', 'nothing'), r.zmscore('{z}1', 'a', 'nothing')]]
  result['zincrby', [r.zincrby('{z}1', 0.5, 'a'), r.zadd('{z}1', '+inf', 'far'), r.zscore('{z}1', 'far')]]
  result['zrange', [r.zrange('{z}1', 0, -1), r.zrange('{z}1', 0, -1, with_scores: true), r.zrevrange('{z}1', 0, 1)]]
  result['zrange by score', r.zrange('{z}1', '(2.5', '+inf', by_score: true, limit: [0, 5])]
  result['zrangebyscore', r.zrangebyscore('{z}1', '(2.5', '+inf', with_scores: true)]
  result['zrank', [r.zrank('{z}1', 'c'), r.zrevrank('{z}1', 'c'), r.zcard('{z}1'), r.zcount('{z}1', 2, 3)]]
  result['zunionstore', [r.zadd('{z}2', 10, 'a'), r.zunionstore('{z}3', ['{z}1', '{z}2'], weights: [1, 2])]]
  result['zunion', r.zunion('{z}1', '{z}2', with_scores: true)]
  result['zinter', [r.zinter('{z}1', '{z}2'), r.zdiff('{z}1', '{z}2'), r.zrangestore('{z}4', '{z}1', 0, 1)]]
  result['zpop', [r.zpopmin('{z}3'), r.zpopmax('{z}3', 2)]]
  result['lex', [r.zadd('lex', [[0, 'a'], [0, 'b'], [0, 'c']]), r.zlexcount('lex', '[a', '(c'), r.zrangebylex('lex', '-', '[b')]]
  result['zrem', [r.zrem('{z}1', %w[a nothing]), r.zremrangebyrank('{z}1', 0, 0), r.zremrangebyscore('{z}1', 3, 3)]]
end

step('more types') do |result|
  result['pfadd', [r.pfadd('{p}1', %w[a b c]), r.pfadd('{p}2', 'd'), r.pfcount('{p}1', '{p}2'), r.pfmerge('{p}3', '{p}1', '{p}2')]]
  result['geoadd', r.geoadd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania')]
  result['geo', [r.geodist('geo', 'Palermo', 'Catania', 'km'), r.geohash('geo', %w[Palermo nothing]), r.geopos('geo', 'Palermo')]]
  result['georadius', r.georadius('geo', 15, 37, 200, 'km', sort: 'asc')]
end

step('keys') do |result|
  result['type', %w[l h {t}1 {z}1 s].map { |key| r.type(key) }]
  result['expire', [r.set('e', 1), r.expire('e', 100), r.persist('e'), r.ttl('e'), r.ttl('nothing')]]
  result['pexpire', [r.pexpire('e', 1), wait_until('a key that expires') { !r.exists?('e') }]]
  result['expireat', [r.set('e', 1), r.expireat('e', Time.now.to_i - 10), r.exists('e')]]
  result['rename', [r.set('{k}1', 'v'), r.rename('{k}1', '{k}2'), r.get('{k}2'), error { r.rename('{k}1', '{k}2') }]]
  result['renamenx', [r.set('{k}3', 'v'), r.renamenx('{k}2', '{k}3')]]
  result['copy', [r.copy('{k}2', '{k}4'), r.copy('{k}2', '{k}4'), r.copy('{k}2', '{k}4', replace: true)]]
  result['dump and restore', [r.restore('restored', 0, r.dump('{k}2')), r.get('restored')]]
  result['restore again', error { r.restore('restored', 0, r.dump('{k}2')) }]
  result['object', [r.object(:encoding, 'h'), r.object(:refcount, '{k}2')]]
  result['randomkey', r.exists?(r.randomkey)]
  result['dbsize', r.dbsize == r.keys.length]
end

step('pipeline') do |result|
  got = r.pipelined do |pipe|
    500.times do |i|
      pipe.set("pipe:#{i}", i)
      pipe.incr("pipe:#{i}")
      pipe.get("pipe:#{i}")
    end
  end
  expected = (1..500).flat_map { |i| ['OK', i, i.to_s] }
  result['over many slots', got == expected ? got.length : got]
  many = (0...500).map { |i| "pipe:#{i}" }
  got = r.pipelined { |pipe| [pipe.mget(*many), pipe.del(many), pipe.exists(*many), pipe.ping] }
  result['of many keys', [got[0].sum(&:to_i), *got.drop(1)]]
  futures = nil
  r.pipelined { |pipe| futures = [pipe.set('future', 1), pipe.incr('future'), pipe.hgetall('nothing')] }
  result['futures', futures.map(&:value)]
  result['with an error in it', error { r.pipelined { |pipe| pipe.set('pe', 'text') && pipe.incr('pe') && pipe.set('pe', 'after') } }]
  result['the rest was done', r.get('pe')]
  result['with a transaction in it', r.pipelined { |pipe| pipe.ping && pipe.multi { |tx| tx.set('{pm}1', 1) && tx.incr('{pm}1') } && pipe.get('pe') }]
end

step('transaction') do |result|
  result['exec', r.multi { |tx| tx.set('{tx}1', 1) && tx.incr('{tx}1') && tx.get('{tx}1') && tx.hset('{tx}2', 'f', 'v') && tx.hgetall('{tx}2') }]
  result['an error in the block', begin
    r.multi { |tx| tx.set('{tx}1', 5) && raise('no') }
  rescue RuntimeError => e
    [e, r.get('{tx}1')]
  end]
  result['an error at its end', error { r.multi { |tx| tx.lpush('{tx}1', 'x') && tx.set('{tx}3', 'set') } }]
  result['the rest was done', r.get('{tx}3')]
  result['an error while queueing', error { r.multi { |tx| tx.call(['set', '{tx}1']) && tx.set('{tx}1', 'no') } }]
  result['nothing was done', r.get('{tx}1')]
  result['an empty one', r.multi { |_| nil }]
  result['exec without multi', error { r.exec }]
  result['discard without multi', error { r.discard }]
end

step('watch') do |result|
  other = connect
  r.set('{w}1', 1)
  result['no conflict', r.watch('{w}1') { r.multi { |tx| tx.incr('{w}1') } }]
  result['a conflict', r.watch('{w}1', '{w}2') { other.set('{w}1', 'taken') && r.multi { |tx| tx.set('{w}1', 'mine') } }]
  result['the other won', r.get('{w}1')]
  result['an error ends it', error { r.watch('{w}1') { r.incr('{w}1') } }]
  result['unwatch', [r.watch('{w}1'), other.set('{w}1', 'again'), r.unwatch, r.multi { |tx| tx.get('{w}1') }]]
  result['a key that came', r.watch('{w}3') { other.set('{w}3', 1) && r.multi { |tx| tx.get('{w}1') } }]
  threads = Array.new(4) do
    beside do |own|
      50.times do
        done = nil
        until done
          done = own.watch('{w}n') do
            value = own.get('{w}n').to_i
            own.multi { |tx| tx.set('{w}n', value + 1) }
          end
        end
      end
    end
  end
  threads.each(&:join)
  result['threads that increment', r.get('{w}n')]
end

step('publish and subscribe') do |result|
  publisher = beside do |p|
    wait_until('a subscriber') { p.pubsub(:numsub, 'news', 'sport')[3] >= 1 }
    p.publish('news', 'one')
    p.publish('sport', "two\0")
    p.publish('sport', 'end')
  end
  got = []
  s = connect
  s.subscribe_with_timeout(PATIENCE, 'news', 'sport') do |on|
    on.subscribe { |channel, count| got << ['subscribe', channel, count] }
    on.unsubscribe { |channel, count| got << ['unsubscribe', channel, count] }
    on.message do |channel, message|
      got << [channel, message]
      s.unsubscribe if message == 'end'
    end
  end
  publisher.join
  result['messages', got]
  result['the connection goes on', s.ping]
  publisher = beside do |p|
    wait_until('a subscriber') { p.pubsub(:numpat) >= 1 }
    p.publish('weather:rome', 'sun')
    p.publish('weather:oslo', 'end')
  end
  got = []
  s.psubscribe_with_timeout(PATIENCE, 'weather:*') do |on|
    on.pmessage do |pattern, channel, message|
      got << [pattern, channel, message]
      s.punsubscribe if message == 'end'
    end
  end
  publisher.join
  result['messages of a pattern', got]
  result['channels', wait_until('no subscriber') { r.publish('news', 'x').zero? && r.pubsub(:channels) }]
  result['nothing to hear', error { s.subscribe_with_timeout(0.1, 'silence') { |_| nil } }.class]
end

step('blocking') do |result|
  result['times out', r.blpop('nothing', timeout: 0.1)]
  result['has something', [r.rpush('{bl}1', 'x'), r.blpop('{bl}0', '{bl}1', timeout: 5)]]
  woken = lambda do |key, block|
    other = beside { |p| wait_until_blocked(p) && p.rpush(key, 'pushed') }
    value = block.call
    other.join
    value
  end
  result['is woken', woken['{bl}2', -> { r.brpop('{bl}1', '{bl}2', timeout: 5) }]]
  result['moves', woken['{bl}3', -> { r.brpoplpush('{bl}3', '{bl}4', timeout: 5) }]]
  result['moves left', woken['{bl}5', -> { r.blmove('{bl}5', '{bl}6', 'LEFT', 'LEFT', timeout: 5) }]]
  other = beside { |p| wait_until_blocked(p) && p.zadd('bz', [[2, 'two'], [1, 'one']]) }
  result['pops the least', r.bzpopmin('bz', timeout: 5)]
  other.join
  result['goes on', r.ping]
end

step('scan') do |result|
  pairs = (0...1000).to_h { |i| ["scan:#{i}", i.to_s] }
  r.mapped_mset(pairs)
  found = r.scan_each(match: 'scan:*', count: 50).to_a.uniq
  result['keys', [found.length, found.sort == pairs.keys.sort]]
  result['all keys', r.scan_each.to_a.uniq.length == r.dbsize]
  result['lists', r.scan_each(type: 'list').to_a.uniq.sort]
  r.sadd('scan-set', (1..700).to_a)
  result['a set', r.sscan_each('scan-set').to_a.uniq.length]
  r.mapped_hmset('scan-hash', pairs)
  result['a hash', r.hscan_each('scan-hash', match: 'scan:*').to_a.to_h == pairs]
  r.zadd('scan-zset', (1..300).map { |i| [i, "m#{i}"] })
  result['a sorted set', r.zscan_each('scan-zset').sum { |_, score| score }]
  result['a cursor that is none', error { r.scan('x') }]
  r.del(pairs.keys)
end

step('scripts') do |result|
  result['eval', r.eval('return {KEYS[1], ARGV[1], 3, false, {1, "two"}}', ['{sc}1'], ['arg'])]
  result['eval without keys', r.eval('return "none"')]
  sha = r.script(:load, 'return redis.call("incrby", KEYS[1], ARGV[1])')
  result['load', [sha, r.script(:exists, sha), r.script(:exists, [sha, '0' * 40])]]
  result['evalsha', [r.evalsha(sha, ['{sc}2'], [5]), r.evalsha(sha, keys: ['sc3'], argv: [6]), r.evalsha(sha, ['sc4'], [7])]]
  result['evalsha in a pipeline', r.pipelined { |pipe| 20.times { |i| pipe.evalsha(sha, ["sp#{i}"], [i]) } }.sum]
  result['evalsha of nothing', error { r.evalsha('0' * 40) }]
  result['an error of its own', error { r.eval('return redis.error_reply("MINE it is")') }]
  result['a type error in it', error { r.eval('return redis.pcall("lpush", KEYS[1], 1)', ['{sc}2']) }]
  result['flush', [r.script(:flush), r.script(:exists, sha)]]
end

step('streams') do |result|
  result['xadd', [r.xadd('st', { a: 1, b: 2 }, id: '1-1'), r.xadd('st', { a: 3 }, id: '1-2'), error { r.xadd('st', { a: 1 }, id: '1-1') }]]
  result['xadd that trims', [r.xadd('short', { a: 1 }, id: '1-1', maxlen: 1), r.xadd('short', { a: 2 }, id: '1-2', maxlen: 1), r.xlen('short')]]
  result['xrange', [r.xrange('st'), r.xrevrange('st', '+', '-', count: 1)]]
  result['xread', [r.xread('st', '1-1'), r.xadd('{st}2', { x: 'y' }, id: '5-0'), r.xread(['st', '{st}2'], %w[1-1 0], count: 10)]]
  result['group', [r.xgroup(:create, 'st', 'g', '0'), error { r.xgroup(:create, 'st', 'g', '0') }, r.xgroup(:create, 'new', 'g', '$', mkstream: true)]]
  result['xreadgroup', [r.xreadgroup('g', 'alice', 'st', '>', count: 1), r.xreadgroup('g', 'bob', 'st', '>')]]
  result['xreadgroup of no group', error { r.xreadgroup('none', 'bob', 'st', '>') }]
  result['xpending', [r.xpending('st', 'g'), r.xpending('st', 'g', '-', '+', 10).map { |entry| entry['consumer'] }]]
  result['xack', r.xack('st', 'g', '1-1')]
  result['xclaim', [r.xclaim('st', 'g', 'alice', 0, '1-2'), r.xautoclaim('st', 'g', 'carol', 0, '0', justid: true)]]
  result['xinfo', [r.xinfo(:stream, 'st')['length'], r.xinfo(:groups, 'st').length, r.xinfo(:consumers, 'st', 'g').map { |consumer| consumer['name'] }]]
  other = beside { |p| wait_until_blocked(p) && p.xadd('st', { late: 'yes' }, id: '9-9') }
  result['is woken', r.xreadgroup('g', 'alice', 'st', '>', block: 5000)]
  other.join
  result['xread times out', r.xread('st', '$', block: 10)]
  result['xdel', [r.xdel('st', '1-1'), r.xtrim('st', 1), r.xgroup(:destroy, 'st', 'g')]]
end

step('errors') do |result|
  r.set('s', 'text')
  result['wrong type', error { r.lpush('s', 'x') }]
  result['not a number', error { r.incr('s') }]
  result['no float', error { r.incrbyfloat('s', 1.5) }]
  result['syntax', error { r.call('set', 's', 'v', 'nonsense') }]
  result['arguments', error { r.call('get') }]
  result['too many arguments', error { r.call('get', 'a', 'b') }]
  result['unknown', error { r.call('nonsense', 'a', 'b') }]
  result['unknown subcommand', error { r.call('object', 'nonsense', 'a') }]
  result['expiry', error { r.setex('s', 0, 'v') }]
  result['nothing was changed', r.get('s')]
end

step('values') do |result|
  big = "0123456789abcde\0" * 65_536
  result['a megabyte', [r.set('big', big), r.get('big'), r.get('big') == big]]
  result['a big list', [r.rpush('bigs', [big, big]), r.lrange('bigs', 0, -1)]]
  result['a binary key', [r.set("\0\r\n\xff key".b, "\r\n\0"), r.get("\0\r\n\xff key".b)]]
  result['no ASCII', [r.set('größe', 'Ångström'), r.get('größe').encoding.to_s, r.get('größe')]]
  result['an empty value', [r.set('empty', ''), r.get('empty'), r.strlen('empty')]]
end

step('threads') do |result|
  own = (1..8).map { |t| beside { |c| (1..100).count { |i| c.set("th:#{t}:#{i}", i) == 'OK' && c.get("th:#{t}:#{i}") == i.to_s } } }
  result['of their own connections', own.sum(&:value)]
  shared = (1..8).map { |t| Thread.new { (1..100).count { |i| r.set("th:#{t}:#{i}", i) == 'OK' && r.get("th:#{t}:#{i}") == i.to_s } } }
  result['of one connection', shared.sum(&:value)]
end

step('end of a connection') do |result|
  result['quit', [r.quit, r.connected?, r.ping]]
  result['close', [r.close, r.connected?]]
end

line('end', 'yes')
