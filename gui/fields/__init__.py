"""One control a file; each speaks exactly one value: `value()`, `set_value()`, `value_changed`.

`set_value` is the program speaking and emits nothing; `value_changed` is the person speaking. So
values flow one way round and no signal ever has to be blocked.
"""
