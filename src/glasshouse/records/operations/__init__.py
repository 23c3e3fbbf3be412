"""Looking after stores: what is in them, whether it is sound, and keeping a copy.

stats      rows and bytes of each record type and index
scrub      records against indexes, both ways; checksums, structures, pages of the file
repair     what scrub found
backup     a consistent copy in one file
restore    the store of a file
"""
