//! Events on disk: write-ahead log, Parquet, search.
