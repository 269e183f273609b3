"""What a sequence looks like over time: the corners of its events, or fewer where there are many.

`build` makes tables of a Pulseq file once, `array_file` keeps them in one file, `channel` answers
for a window of time, `extremes` finds the smallest and largest among millions, `wire` writes the
answer. A corner of an event is called a vertex here: a trapezoid has four.
"""
