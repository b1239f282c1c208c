""".xls, read by xlrd in a child process with limits."""
