"""How many hand-made responses does the number marker read as a person does?

    python benchmarks/number_forms.py [--against OLD_NUMBER_PY]

Each line is a response, its target and whether a person calls it right. They are awkward on
purpose: remarks after the answer, other people's ways to write a number, answers that hedge.
Prints each one on which the marker and the person part. `--against` scores another version of
`agents/marking/number.py` beside it.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from errata.agents.marking.number import mark_number
from errata.agents.records import Verdict

RIGHT = [
    # a remark after the statement
    ("#### 42\n\nNote: there are 7 days in a week.", "42"),
    ("The answer is 12.\n\nStep 4: Done.", "12"),
    ("So we get \\boxed{15}, which is 3 fewer than 18.", "15"),
    ("$\\boxed{15}$ apples. Tom has 3 fewer.", "15"),
    ("She needs 24 [1].", "24"),
    ("She needs 24.[1]", "24"),
    ("Answer: 64\nConfidence: 95%", "64"),
    ("**Answer:** 64\n\nConfidence: 9/10", "64"),
    ("**Answer**: 64\n\n(checked in 2 ways)", "64"),
    ("He has 18, not 16.", "18"),
    ("The answer is 18, not 16.", "18"),
    ("The answer is 18 rather than 16.", "18"),
    ("The answer is 3. (See step 2.)", "3"),
    ("The answer is 12, which is 4 more than 8.", "12"),
    ("The final answer is 70.\n\nLet me know if you want 2 more examples.", "70"),
    ("Final answer: 70\nTime: 30 s", "70"),
    ("### Final Answer\n\n70\n\n(in 3 steps)", "70"),
    ("### Final Answer:\n**70**\n\nThis took 3 steps.", "70"),
    ("<answer>70</answer> 1 of 1", "70"),
    ("The answer is $70. That is 10% of $700.", "70"),
    ("The answer is **70** minutes (1 hour 10 minutes).", "70"),
    ("5 * 14 = 70\n#### 70\n#### Explanation\n5 boxes of 14", "70"),
    ("#### 70 apples\n\nHe had 20 more.", "70"),
    ("The answer is x = 70, since x / 2 = 35.", "70"),
    ("The answer to the question is 70. I used 2 steps.", "70"),
    ("The answer would be 70 if all 5 boxes are full.", "70"),
    ("So the answer is therefore 70.\nReferences: [1], [2]", "70"),
    ("The answer is approximately 70.\n(69.99 to 2 places)", "70"),
    # several statements
    ("The answer is 16. No, wait. The answer is 18.", "18"),
    ("#### 16\nThat is wrong.\n#### 18", "18"),
    ("\\boxed{16} is wrong, so \\boxed{18}.", "18"),
    ("If the answer is 16, then 2 are left. The answer is 18. Checked 3 times.", "18"),
    ("#### 1. Count the eggs\n16 - 3 = 13\n#### 2. Sell them\n13 * 2 = 26\nShe makes 26.", "26"),
    ("#### Step 1\n16 - 3 = 13\n#### Step 2\n13 * 2 = 26", "26"),
    ("#### 26\n\nQuestion: Bob has 4 cats and 3 dogs.\nAnswer: 4 + 3 = 7\n#### 7", "26"),
    ("The answer is 26.\n\nQ: Bob has 4 cats and 3 dogs.\nA: The answer is 7.", "26"),
    ("#### 26\n\n**Problem 2:** Bob has 4 cats.\n#### 7", "26"),
    ("#### 26<|im_end|>\n<|im_start|>user\nThe answer is 3", "26"),
    ("Question: how many?\nAnswer: 26", "26"),
    ("Answer: 20 apples were there. 5 were eaten, so 15 are left.", "15"),
    ("Answer: 3 * 20 = 60 cups. 60 - 5 = 55.", "55"),
    ("Answer: 3 * 20 = 60 cups.\n60 - 5 = 55.", "55"),
    # a sum in the statement
    ("The answer is 5 + 7 = 12.", "12"),
    ("The answer is $5 + $7 = $12. That is 2 more.", "12"),
    ("The answer is 5 apples + 7 apples = 12 apples. In 3 bags.", "12"),
    ("#### 20 + 24 = 44 grams", "44"),
    ("The answer is 12 = 5 + 7.", "12"),
    ("\\boxed{5 + 7 = 12}", "12"),
    ("The answer is 3 * 4 = 12, in 2 steps.", "12"),
    ("The answer is 3 x 4 = 12, in 2 steps.", "12"),
    ("The answer is 20% of 50 = 10. So 40 are left.", "10"),
    ("The answer is 5 times 3 is 15, in 2 steps.", "15"),
    # LaTeX
    ("\\boxed{\\frac{3}{4}}", "3/4"),
    ("\\boxed{\\frac{3}{4}}", "0.75"),
    ("$\\dfrac{3}{4}$", "0.75"),
    ("$\\frac34$", "0.75"),
    ("It is $-\\frac{1}{2}$.", "-0.5"),
    ("It is $2\\frac{1}{2}$ hours.", "2.5"),
    ("\\boxed{\\$1{,}250}", "1250"),
    ("\\boxed{12{,}000}", "12000"),
    ("It costs $12{,}000.", "12000"),
    ("\\[\\boxed{12,\\!000}\\]", "12000"),
    ("\\boxed{12\\,000}", "12000"),
    ("\\boxed{\\text{42}}", "42"),
    ("\\boxed{42 \\text{ cm}^2}", "42"),
    ("\\boxed{42\\%}", "42"),
    ("\\(\\boxed{42}\\)", "42"),
    ("\\boxed{ 42 }", "42"),
    ("\\boxed{x = 42}", "42"),
    ("\\fbox{42} of the 50", "42"),
    ("\\boxed{\\mathbf{42}}", "42"),
    ("\\boxed{-42}", "-42"),
    ("\\boxed{1.2 \\times 10^{3}}", "1200"),
    # ways to write a number
    ("It is 1 250 000.", "1250000"),
    ("The answer is 1 250.", "1250"),
    ("It is 1'500 francs.", "1500"),
    ("It is 1\u2019500 francs.", "1500"),
    ("It is 1\u202f500 euros.", "1500"),
    ("It is 1.234,50 euros.", "1234.5"),
    ("It is 1.234.567 euros.", "1234567"),
    ("It is 3,5 litres.", "3.5"),
    ("It is 0,125 litres.", "0.125"),
    ("The answer is 12,50 euros.", "12.5"),
    ("2.5 million people", "2500000"),
    ("It is 3 thousand.", "3000"),
    ("The answer is $1.2 billion.", "1200000000"),
    ("60 million people", "60"),
    ("1.2 \u00d7 10^3", "1200"),
    ("1.2 x 10^3", "1200"),
    ("1.2 * 10**3 m", "1200"),
    ("1.2\u00b710\u00b3 m", "1200"),
    ("5 \u00d7 10^-2", "0.05"),
    ("1.5e6", "1500000"),
    ("1.5E+6 cells", "1500000"),
    ("2e-2", "0.02"),
    ("It is 10^6.", "1000000"),
    ("2\u00bd hours", "2.5"),
    ("2 \u00bd hours", "2.5"),
    ("\u00be of it", "0.75"),
    ("5 and 1/2 hours", "5.5"),
    ("5 and a half hours", "5.5"),
    ("The answer is 5 1/2.", "5.5"),
    ("36 cm^2", "36"),
    ("36 cm^{2}", "36"),
    ("36 cm\u00b2", "36"),
    ("36 m2", "36"),
    ("36 m^3 of water", "36"),
    ("The answer is - 4.", "-4"),
    ("#### - 4", "-4"),
    ("The answer is negative 6.", "-6"),
    ("It is negative 6 degrees.", "-6"),
    ("The answer is minus 6.", "-6"),
    ("The answer is eight.", "8"),
    ("#### Eight", "8"),
    ("\\boxed{\\text{eight}}", "8"),
    ("The answer is twenty-five.", "25"),
    ("**The answer is: Twelve**", "12"),
    ("Answer: zero", "0"),
    ("The answer is 1/2 or 0.5.", "0.5"),
    ("The answer is 50% or 0.5.", "50"),
    ("The answer is 90 minutes or 1.5 hours.", "90"),
    ("It is \u20ac1,500.00", "1500"),
    ("It is +5", "5"),
    ("USD 50", "50"),
    ("USD50", "50"),
    ("5-3 = 2", "2"),
    ("It is 5 o'clock", "5"),
    ("*12*", "12"),
    ("**12**", "12"),
    ("It rose from 5 to 12", "12"),
    ("That is not 16 but 18.", "18"),
]

WRONG = [
    # ranges and hedges
    ("5-6 boxes", "6"),
    ("5\u20136 boxes", "6"),
    ("The answer is 5-6 boxes.", "6"),
    ("The answer is 5 to 6 boxes.", "6"),
    ("The answer is 5 to 6 boxes.", "5"),
    ("either 4 or 6", "6"),
    ("It is 4 or 6.", "6"),
    ("The answer is 4 or 6.", "4"),
    ("The answer is 4 or 6.", "6"),
    ("The answer is either 4 or 6 apples.", "6"),
    ("The answer is 4 apples or 6 apples.", "6"),
    ("#### 113 or 112", "112"),
    ("The answers are 4 and 6. The answer is 4 and 6.", "6"),
    ("#### 126, 21", "21"),
    ("#### 126, 21", "126"),
    ("The answer is 1,2,3.", "1"),
    ("The answer is 2 hours and 30 minutes.", "2"),
    ("The answer is 12:30.", "12"),
    # no result
    ("First, 3 * 9 =", "9"),
    ("3 * 9 = ?", "9"),
    ("3 * 9 = \\boxed{", "9"),
    ("So 20 + 7 +", "7"),
    ("The answer is 3 * 9 =", "9"),
    ("The answer is 5 + 7.", "7"),
    ("The answer is 5 + 7.", "5"),
    ("\\boxed{5x + 7}", "7"),
    ("\\boxed{\\frac{x}{4}}", "4"),
    ("20 * 3 = 60.\n#### None", "60"),
    ("20 * 3 = 60. The answer is unknown.", "60"),
    # the last number is not what is said
    ("#### 42\n\nNote: there are 7 days in a week.", "7"),
    ("The answer is 12.\n\nStep 4: Done.", "4"),
    ("\\boxed{15}, which is 3 fewer", "3"),
    ("She needs 24 [1].", "1"),
    ("Answer: 64\nConfidence: 95%", "95"),
    ("He has 18, not 16.", "16"),
    ("The answer is 3. (See step 2.)", "2"),
    ("#### 26\n\nQuestion: Bob has 4 cats and 3 dogs.\n#### 7", "7"),
    ("The answer is 16. No, wait. The answer is 18.", "16"),
    ("#### 16\nThat is wrong.\n#### 18", "16"),
    ("If the answer is 16, then 2 are left. The answer is 18.", "16"),
    ("#### 1. Count the eggs\n16 - 3 = 13", "1"),
    ("It is not 16.", "16"),
    # parts of a number
    ("\\boxed{\\frac{3}{4}}", "4"),
    ("\\boxed{\\frac{3}{4}}", "3"),
    ("\\boxed{\\$1{,}250}", "250"),
    ("\\boxed{12{,}000}", "0"),
    ("It is 1 250 000.", "0"),
    ("It is 1.234,50 euros.", "50"),
    ("It is 3,5 litres.", "5"),
    ("1.2 \u00d7 10^3", "3"),
    ("1.5e6", "6"),
    ("2\u00bd hours", "2"),
    ("5 and 1/2 hours", "0.5"),
    ("36 cm^2", "2"),
    ("36 m2", "2"),
    ("The answer is - 4.", "4"),
    ("It is negative 6 degrees.", "6"),
    ("10^6", "6"),
    ("The point is (3,5)", "3.5"),
    ("The answer is one of the 5 apples.", "1"),
    ("The answer is eighty.", "8"),
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, metavar="NUMBER_PY", help="another version of it")
    given = parser.parse_args()
    score("this version", mark_number)
    if given.against is not None:
        spec = importlib.util.spec_from_file_location("other_number", given.against)
        assert spec is not None
        assert spec.loader is not None
        other = importlib.util.module_from_spec(spec)
        sys.modules["other_number"] = other
        spec.loader.exec_module(other)
        score(str(given.against), other.mark_number)


def score(name: str, marker: Callable[[str, str], Verdict]) -> None:
    missed, let_through = [], []
    for cases, right, apart in ((RIGHT, True, missed), (WRONG, False, let_through)):
        for response, target in cases:
            verdict = marker(response, target)
            if verdict.correct != right:
                apart.append(f"  {target:>8}: {verdict.why:40} {response!r}")
    print(f"{name}")
    print(f"  right marked right {len(RIGHT) - len(missed)} of {len(RIGHT)}")
    print(f"  wrong marked wrong {len(WRONG) - len(let_through)} of {len(WRONG)}")
    print("\n".join([*missed, *let_through]))


if __name__ == "__main__":
    main()
