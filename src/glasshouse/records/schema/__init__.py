"""What a store may hold; `glasshouse.records` offers the names.

schema      Schema: record types, primary keys, indexes, a version
keys        key expressions: desc, nest, literal, computed, record_type
packing     from records to the bytes of keys
describe    annotations as data, which a store remembers
evolution   what a schema may become
"""
