<?php
// What every PHP session does alike: see ../README.md.

// The bound of every wait, in seconds.
const PATIENCE = 10;

define('HOST', parse_url($argv[1], PHP_URL_HOST));
define('PORT', parse_url($argv[1], PHP_URL_PORT));

ini_set('default_socket_timeout', (string) PATIENCE);
error_reporting(E_ALL & ~E_DEPRECATED);
// A warning is an error: nothing is printed beside the lines.
set_error_handler(function ($level, $text) {
    if (error_reporting() & $level) {
        throw new ErrorException($text);
    }
    return true;
});

function line($name, $value) {
    // Output by `echo` would be the body of an answer, before which a session has to start.
    fwrite(STDOUT, "$name: $value\n");
}

/** A value on one line, the same in every run: what is long is a hash. */
function text($value) {
    if (is_string($value) && strlen($value) > 500) {
        return 'string of ' . strlen($value) . ', ' . substr(hash('sha256', $value), 0, 16);
    }
    if (is_string($value)) {
        return '"' . addcslashes($value, "\0..\37\"\\\177..\377") . '"';
    }
    if (is_float($value)) {
        return 'float ' . json_encode($value);
    }
    if ($value instanceof Throwable) {
        return get_class($value) . ': ' . preg_replace('/\s+/', ' ', $value->getMessage());
    }
    if (is_object($value)) {
        return get_class($value) . ' ' . text((string) $value);
    }
    if (!is_array($value)) {
        return json_encode($value);
    }
    if (array_is_list($value)) {
        return '[' . implode(', ', array_map('text', $value)) . ']';
    }
    $pair = fn ($key, $item) => text($key) . ' => ' . text($item);
    return '[' . implode(', ', array_map($pair, array_keys($value), $value)) . ']';
}

/** Runs a generator of results, each of which is a line. */
function step($name, $function) {
    try {
        foreach ($function() as $result => $value) {
            line("$name, $result", text($value));
        }
    } catch (Throwable $error) {
        line("$name, fails", 'FAILED ' . text($error));
    }
}

/** The error that a call is expected to end in. */
function error($call) {
    try {
        $value = $call();
    } catch (Throwable $error) {
        return $error;
    }
    throw new LogicException('no error, but ' . text($value));
}

/** What has no order, in one. */
function sorted($items) {
    sort($items);
    return $items;
}

/** The pairs of a map, by their keys. */
function by_key($items) {
    ksort($items);
    return $items;
}

function between($least, $value, $most) {
    return $least <= $value && $value <= $most ? "between $least and $most" : "$value";
}

/** The first value of `condition` that is true. */
function until($condition, $what) {
    $deadline = hrtime(true) + PATIENCE * 1_000_000_000;
    while (!($value = $condition())) {
        if (hrtime(true) > $deadline) {
            throw new RuntimeException("$what: not within " . PATIENCE . ' s');
        }
        usleep(10_000);
    }
    return $value;
}

/** Runs `other` in a process of its own while `work` runs in this one. */
function beside($other, $work) {
    $child = pcntl_fork();
    if ($child === 0) {
        try {
            $other();
        } catch (Throwable $error) {
            fwrite(STDERR, text($error) . "\n");
        }
        // No destructor may run, which would close what this process has open.
        posix_kill(getmypid(), SIGKILL);
    }
    try {
        return $work();
    } finally {
        pcntl_waitpid($child, $status);
    }
}

/** Ends this process when a wait inside a library has no bound of its own. */
function bounded($work) {
    pcntl_async_signals(true);
    pcntl_signal(SIGALRM, fn () => throw new RuntimeException('not within ' . PATIENCE . ' s'));
    pcntl_alarm(PATIENCE);
    try {
        return $work();
    } finally {
        pcntl_alarm(0);
    }
}
