"""What everybody speaks: records, errors, results, what is already done, and the seam to the ledger."""
