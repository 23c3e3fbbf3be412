"""Who is better: everybody against everybody, and strengths on Elo's scale.

- `tournament`: policies answer the same requests and a referee compares, or a file says who won
- `elo`: strengths of players from who beat whom
"""
