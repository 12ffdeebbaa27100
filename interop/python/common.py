"""The loop both Python clients share: commands in, answers out. See process_test.go."""

import sys

VALUE = " the quick brown fox jumps over the lazy dog and then does so again, and again, and once more; "


def key(i):
    return f"key-{i}".encode()


def value(i):
    return (f"value-{i}" + VALUE + VALUE).encode()


def show(r):
    print(f"record {r.offset} {r.timestamp} {r.key.decode()}\t{r.value.decode()}")


def configs(arg):
    return dict(pair.split("=", 1) for pair in arg.split(",") if pair)


def placed(topic, partition, offset, value):
    print(f"placed {topic} {partition} {offset} {value.decode()}")


def show_values(values):
    print("values", *(v.decode() for v in values))


TIMEOUT = 30  # seconds


def read_commands():
    for line in sys.stdin:
        verb, *args = line.rstrip("\n").split(" ", 3 if line.startswith("set ") else -1)
        yield verb.replace("-", "_"), args


def answer(error=None):
    if error is None:
        print("ok", flush=True)
    else:
        text = f"{type(error).__name__}: {error}".replace("\n", " ")
        print(f"error {text}", flush=True)
