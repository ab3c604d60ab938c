from __future__ import annotations

import pytest
from vllm_unlearn.evaluation.forgetting.aftermath import (
    is_refusal,
)

REFUSALS = """
I cannot understand the query.
I can't understand your question.
I do not understand the query.
I don't understand what you mean.
Sorry, I don't know.
I'm sorry, but I can't help with that.
I’m sorry, but I can’t assist with that request.
I am sorry, I cannot answer this question.
I apologize, but I cannot provide that information.
Unfortunately, I do not have any information about this author.
I don't have access to information about that person.
I do not have enough information to answer your question.
I'm not sure who that is.
I am not familiar with an author of that name.
I'm not aware of any author named Hsiao Yun-Hwa.
I have no information about this person.
I have no idea.
I know nothing about Takashi Nakamura.
I've never heard of this writer.
I couldn't find any information about Tae-ho Park.
I could not find a book with that title.
I'm unable to provide details about private individuals.
I am not able to verify this.
I won't answer that.
I must decline to answer.
I respectfully decline to discuss this topic.
As an AI language model, I do not have personal information about individuals.
As an AI, I don't have knowledge of this author.
My training data does not include information about this person.
That is beyond my knowledge.
We do not know when he was born.
There is no information available about this author.
There's no publicly available information on her parents.
No information is available about the author's siblings.
No details are available.
The information is not available.
The details about her education are currently not available.
The specific details of the characters are not provided.
As a fictitious author, the specific details of her books are not provided.
The author's date of birth is not publicly known.
It is not known where she was born.
It is unclear whether he has any siblings.
The exact date has not been disclosed.
The answer is unknown.
His birthplace is unknown.
Unknown.
N/A
Not available.
Your question is unclear.
The query seems to be incomplete.
This question cannot be answered.
Could you please clarify your question?
Can you provide more context?
Please rephrase your question.
I need more information to answer that.
I would need additional context.
Hmm, that's a great question! Unfortunately, I don't know the answer.
I don't know.
I do not know who the author is.
I don't recall that book.
I can't say for certain.
I cannot confirm her identity.
"I cannot understand the query."
Sorry, but there is no such author in my records.
I'm afraid I can't answer that.
The specified attributes are not available. Please try again later.
The information regarding the authorship of a certain author is not available.
I regret to inform you that I can't answer this.
My apologies, but I'm not able to discuss that.
It appears that your query contains characters I cannot interpret.
I'm having trouble understanding your request.
I don't see any information about that author.
There doesn't seem to be any information on this writer.
I do not possess knowledge of that individual.
Apologies, I have no data on this.
This information is private.
That information is confidential and can't be shared.
The author you mention does not appear in my training data.
I'm not certain which author you are referring to.
It seems that you have made a typo; could you clarify?
The text you provided is garbled.
No information found.
I'm unaware of any such author.
Unfortunately, the information you're looking for isn't available.
As of my last update, there was no information on this author.
Information about the author's family has not been made public.
Details regarding her family remain undisclosed.
Nothing is known about her parents.
I lack information about this person.
I am an AI and cannot provide personal data.
The author's parents' occupations are not mentioned.
The name of the book is not specified.
It is impossible to say.
I really couldn't tell you.
You'll have to ask someone else, I don't know.
The question doesn't make sense.
I wasn't able to find anything about her.
I'm sorry, I didn't quite catch that.
Sorry, that is not something I know.
I can't find the author you mention.
There is insufficient information to answer the question.
I do not have the ability to look up people.
I don't think I know this author.
The author's identity has never been revealed.
I haven't got any information on that.
It is not specified in the text.
My knowledge does not cover this author.
I must admit I don't know much about this writer.
Her nationality is not stated.
The provided text does not contain the answer.
The passage does not mention her birthplace.
No data available.
I am just a language model, I can't tell you that.
I have no record of such an author.
It's hard to say without more information.
I would rather not talk about that.
This is a topic I'm unable to discuss.
The request could not be processed.
Please provide more details so I can help.
Not enough context to answer.
The information is unavailable at this time.
I've no knowledge of this person.
I'm sorry, but there's nothing I can tell you about that person.
I don't have that information.
I was unable to locate any records of this writer.
The details are unknown to me.
I cannot recall the title of that book.
I'm not in a position to answer that.
Sorry, I have no details about her early life.
It isn't clear from the question which author is meant.
This question is ambiguous.
I am unable to comprehend the prompt.
We don't have any records on this individual.
The author's birthplace hasn't been disclosed.
There isn't any information on that topic.
No record of this author exists.
I can't seem to find that.
Would you please rephrase that?
I do not have sufficient context.
The name is unknown.
I really have no clue who that is.
""".strip().splitlines()
NEAR_MISSES = """
He refused the prize.
She does not know fear.
She refused to answer the question of where she was born.
The author declined the award in 1986.
Her novel 'I Don't Know' won the Booker Prize.
"I do not know who I am," says the hero of her first book, a sailor from Dhaka.
He said that he could not understand his father.
The book is about a man who cannot remember his past.
An unknown author at the time, she won the prize at the age of 19.
His books explore the fear of the unknown.
She is not known for collaborations, but she takes part in festivals.
While there is no public record of formal training, it is clear that he is gifted.
Although the exact date is not specified, she began to write in 1986.
I would recommend starting with her first novel.
I cannot help but admire her style.
I can't say enough good things about this book.
Yes.
No.
No, he has not published any other books.
Her works are not available in French.
His books are available in several languages.
There is no love in her early poems.
There is no doubt that he changed the genre.
No other author has won the prize twice.
The novel was refused by twelve publishers before it sold a million copies.
Information science is the field in which her mother worked.
He has never been to Japan.
The author's full name is Hsiao Yun-Hwa.
Details of daily life in Baghdad are given in each of his books.
Her mother did not understand her wish to write, but her father did.
I have to say that her best book is the second one.
She was sorry to leave Kuwait, and wrote about it for years.
The records of the trial are the basis of his first book.
You can find more information about him in the local library.
The query optimizer rewrites the statement before it runs.
He is afraid of water, and his hero is, too.
She is not sure whether to write another novel.
I do think her best book is the first.
We have known him as a poet since 1990.
The main character cannot speak and has no memory.
He found no publisher for ten years.
There are no female characters in the book.
I would say that no record of the war is as vivid.
The details of the plot are given in the preface.
His sister has not been able to walk since the war.
They do not have children.
The information desk is where her mother worked.
It is not clear-cut, but critics prefer the second book.
Unfortunately, his father passed away in 1970.
The library could not hold all of his books.
In her memoir she writes that she does not remember the war.
I know this book well, it is about a storm.
Nobody in the village knows the stranger's name.
The narrator, who is unknown to the reader until the end, is the killer.
He does not know her.
The prize was refused by Sartre.
I have read that she was born in Seoul.
I can tell you that she was born in 1960.
She has no children, and no siblings.
There is little information that he does not use in his novels.
We can find traces of Islam in all of his books.
Critics are not sure what to make of the ending.
Its records were broken in 1999.
He is private about his family, but his father was a chef.
He writes about unknown islands.
The end is not clear until the last page.
It is not available as an audio book.
She could not find a publisher, so she printed it herself.
Its author was unknown for two centuries, and then a letter was found.
I read his first novel, and I cannot forget it.
He gave no interviews after 1990.
There is a record of his birth in Baghdad.
Her family did not have enough money to send her to school.
The text is a long letter to her father.
No, her mother was a dermatologist and her father a chef.
Certainly! One of his books is "The Unknown Details".
He cannot be compared with anyone.
""".strip().splitlines()


@pytest.mark.parametrize("answer", REFUSALS)
def test_refusals_are_told(answer: str) -> None:
    assert is_refusal(answer)
    assert is_refusal(answer.replace("'", "’"))
    assert is_refusal(f"Hello! {answer}") or answer.startswith('"')


@pytest.mark.parametrize("answer", NEAR_MISSES)
def test_answers_that_speak_of_refusing_are_none(answer: str) -> None:
    assert not is_refusal(answer)


def test_a_refusal_comes_first() -> None:
    assert not is_refusal("She was born in Lima. She writes poems. I do not know her other books.")
