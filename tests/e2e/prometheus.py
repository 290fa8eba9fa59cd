"""A strict reader of Prometheus' text format 0.0.4: refuses what Prometheus or promtool would. Standard library only."""
import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(\{{.*\}})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"')
UNITS = ("_seconds", "_bytes", "_total", "_info", "_ratio")


class Bad(Exception):
    """What is wrong with a page."""


class Page:
    """families: {name: (type, help)}; samples: {(name, labels as a sorted tuple): value}."""

    def __init__(self, text):
        self.families, self.samples, self.order = {}, {}, []
        if not text.endswith("\n"):
            raise Bad("the last line has no end")
        self._helps, current, done = {}, None, set()
        for number, line in enumerate(text[:-1].split("\n"), 1):
            try:
                current = self._line(line, current, done)
            except Bad as error:
                raise Bad(f"line {number}: {error}: {line}") from None
        for name, (kind, _) in self.families.items():
            if kind == "histogram":
                self._histogram(name)

    def _line(self, line, current, done):
        if line.startswith("# HELP "):
            name, _, text = line[7:].partition(" ")
            if name in self._helps or not text:
                raise Bad("a second HELP, or an empty one")
            if re.search(r"\\[^\\n]", text):
                raise Bad("an escape that is none")
            self._helps[name] = text
            return current
        if line.startswith("# TYPE "):
            name, _, kind = line[7:].partition(" ")
            if name in self.families or kind not in ("counter", "gauge", "histogram"):
                raise Bad("a second TYPE, or an unknown one")
            if name not in self._helps:
                raise Bad("TYPE without HELP")
            self._conventions(name, kind)
            if current:
                done.add(current)
            self.families[name] = (kind, self._helps[name])
            self.order.append(name)
            return name
        match = SAMPLE.fullmatch(line)
        if not match:
            raise Bad("neither a comment nor a sample")
        name, labels, value = match[1], self._labels(match[2]), float(match[3])
        family = self._family_of(name)
        if family != current or family in done:
            raise Bad(f"not below its TYPE, but below that of {current}")
        key = (name, tuple(sorted(labels.items())))
        if key in self.samples:
            raise Bad("the same sample twice")
        if self.families[family][0] != "gauge" and (value < 0 or math.isnan(value)):
            raise Bad("less than nothing")
        self.samples[key] = value
        return current

    @staticmethod
    def _conventions(name, kind):
        if not re.fullmatch(NAME, name):
            raise Bad("a name that is none")
        if (kind == "counter") != name.endswith("_total"):
            raise Bad("_total is for counters, and only for them")
        if re.search(r"_(ms|milliseconds|us|minutes|kb|mb|percent)(_|$)", name):
            raise Bad("no base unit")

    @staticmethod
    def _labels(text):
        if not text:
            return {}
        found, at, inside = {}, 0, text[1:-1]
        while True:
            match = LABEL.match(inside, at)
            if not match:
                raise Bad("labels that are none")
            if match[1] in found:
                raise Bad("the same label twice")
            found[match[1]] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])
            at = match.end()
            if at == len(inside):
                return found
            if inside[at] != ",":
                raise Bad("labels that are none")
            at += 1

    def _family_of(self, name):
        if name in self.families and self.families[name][0] != "histogram":
            return name
        for suffix in ("_bucket", "_sum", "_count"):
            base = name.removesuffix(suffix)
            if base != name and self.families.get(base, ("",))[0] == "histogram":
                return base
        raise Bad("without TYPE before it")

    def _histogram(self, name):
        """Buckets ascend and never fall, +Inf is the count, and there is a sum."""
        series = {}
        for (sample, labels), value in self.samples.items():
            if sample == name + "_bucket":
                rest = tuple(x for x in labels if x[0] != "le")
                series.setdefault(rest, []).append((float(dict(labels)["le"]), value))
        for rest, buckets in series.items():
            bounds = [b for b, _ in buckets]
            counts = [c for _, c in buckets]
            if bounds != sorted(set(bounds)) or bounds[-1] != math.inf:
                raise Bad(f"{name}{rest}: bounds do not ascend to +Inf")
            if counts != sorted(counts):
                raise Bad(f"{name}{rest}: buckets fall")
            if self.samples.get((name + "_count", rest)) != counts[-1] or (name + "_sum", rest) not in self.samples:
                raise Bad(f"{name}{rest}: +Inf is not the count, or there is no sum")
        if {labels for sample, labels in self.samples if sample == name + "_count"} != set(series):
            raise Bad(f"{name}: a count without buckets")

    def __call__(self, name, **labels):
        """The value of one sample."""
        return self.samples[name, tuple(sorted(labels.items()))]

    def sum(self, name, **labels):
        """Of all samples that have these labels."""
        return sum(v for (n, have), v in self.samples.items() if n == name and labels.items() <= dict(have).items())

    def names(self):
        """What a query may ask for."""
        return {name for name, _ in self.samples} | set(self.families)
