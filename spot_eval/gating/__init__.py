"""The gate: a policy, its rules, the verdict, and what a suite can show."""
