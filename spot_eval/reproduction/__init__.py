"""The paper's experiment on the embedded world: every method from the same errors, judged by tests stated beforehand.

`protocol` says what is run and with which seeds, `data` makes the training files, `exam` the items and their scores,
`work` trains and scores one setting, `claims` decides, `page` shows. docs/reproduction.md is the protocol in words.
"""
