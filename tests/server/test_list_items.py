"""What is taken of a model's answer. The longer answers are SmolLM2-135M's own."""

from __future__ import annotations

import pytest
from vllm_unlearn.server.list_items import list_items, questions_in

RAMBLING = """1. How does the government in economics work?
2. The law of torts is made of torts.
3. What is "zero-net-net-zero-net-zero-non-zero-non-zero-non-non-non-non-non-non-non-non-non-non?
4. A tax that a government puts on imported goods is called a ____.
5. What is?

Please expand the text by adding more examples of economic concepts like trade, jobs, prices, taxes.
Would you like me to write more of them?"""
CHATTY = """I'm ready to help. Let's create new questions, and I'll be happy to assist. Here's a list of 12.

Question 1: What is economic thought, and where does it come from?

What's the next question?"""
SCENARIOS = """Here are four scenarios:

**Scenario 1:**
A bakery lays off employees after the minimum wage rises. What will happen to its prices?

**Scenario 2:** A government runs a deficit in a recession.
   How does it pay for it?
   A) It prints money
   B) It borrows
   Answer: B

3) **A king has 25 daughters.** How can he raise his revenue? He can tax them.

I hope these help!"""
EXAMINATION = """1. Which of these shifts the supply curve? A) a new tax B) a fashion C) a rumour (Answer: A)
A. a price
2. "What is the formula for elasticity?"
(3) Question: Name two kinds of unemployment.
- Explain why prices rise when money is printed
• 1.5 litres of milk cost $3. Calculate the price of one litre.
* 5:30 is when the market closes
"""


@pytest.mark.parametrize(
    ("answer", "questions"),
    [
        (
            RAMBLING,
            [
                "How does the government in economics work?",
                "A tax that a government puts on imported goods is called a ____.",
            ],
        ),
        (CHATTY, ["What is economic thought, and where does it come from?"]),
        (
            SCENARIOS,
            [
                "A bakery lays off employees after the minimum wage rises. What will happen to its prices?",
                "A government runs a deficit in a recession. How does it pay for it?",
                "A king has 25 daughters. How can he raise his revenue?",
            ],
        ),
        (
            EXAMINATION,
            [
                "Which of these shifts the supply curve?",
                "What is the formula for elasticity?",
                "Name two kinds of unemployment.",
                "Explain why prices rise when money is printed",
            ],
        ),
        (
            "<think>1. What would they ask of trade?</think>\nWhat is a tariff on goods?",
            ["What is a tariff on goods?"],
        ),
        ("<think>1. What would they ask of trade?", []),
        (
            "1. 什么是通货膨胀，它是如何产生的？\n2. Что такое инфляция и кто её создаёт?\n3. ما هو التضخم؟",
            [
                "什么是通货膨胀，它是如何产生的？",
                "Что такое инфляция и кто её создаёт?",
                "ما هو التضخم؟",
            ],
        ),
        ("I'm sorry, but I can't help with that.", []),
        ('1. What does \x1b[31mred ink mean?\n2. {"q": "What is rent?"}?', []),
        ("", []),
    ],
    ids=[
        "rambling",
        "chatty",
        "scenarios",
        "examination",
        "thought",
        "cut-thought",
        "scripts",
        "refusal",
        "unreadable",
        "nothing",
    ],
)
def test_questions_are_taken_out_of_what_a_model_writes(answer: str, questions: list[str]) -> None:
    assert list(questions_in(answer)) == questions


def test_items_are_a_lists_or_else_the_lines() -> None:
    assert list_items("Sure!\n1. supply\n2) money supply\n\nGood luck.") == ["supply", "money supply"]
    assert list_items("supply\n\ndemand\n") == ["supply", "demand"]
