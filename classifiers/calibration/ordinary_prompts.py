"""Ordinary prompts of no one's in particular: a stand-in for an operator's own benign traffic."""

from __future__ import annotations

_PROMPTS = """
Write a Python function that removes duplicates from a list but keeps the order.
Why does my for loop skip every second element when I delete items inside it?
Explain the difference between a list and a tuple.
How do I undo the last commit without losing my changes?
Convert this SQL query to use a join instead of a subquery.
My Docker container exits immediately after it starts. What should I check?
Give me a regular expression that matches dates such as 2024-03-17.
What does "segmentation fault" mean, and how do I find its cause?
Write unit tests for a function that parses phone numbers.
How can I make a web page load faster?
Refactor this class so that it no longer depends on global state.
What is the time complexity of binary search?
fix this: TypeError: 'NoneType' object is not subscriptable
How do I centre a div horizontally and vertically with CSS?
Write a bash script that renames all .jpeg files in a folder to .jpg.
Explain recursion to me as if I were twelve.
Which database should I choose for a small shop with about 10,000 products?
How do I read a large CSV file in chunks?
What is the difference between HTTP and HTTPS?
Give an example of a REST API for a to-do list.
How do I set up a virtual environment on Windows?
Sort these words alphabetically: pear, apple, fig, cherry, banana
Can you review my pull request description and make it shorter?
What are the pros and cons of microservices?
How long should I boil an egg so that the yolk stays soft?
Give me a simple recipe for lentil soup.
What can I cook with potatoes, eggs and spinach?
How do I keep pasta from sticking together after I drain the water?
Can I use yogurt instead of sour cream in a cake?
What is the best way to store fresh basil?
How much water do I need for two cups of rice?
Plan a vegetarian dinner for six people, with a dessert.
My bread did not rise. What went wrong?
Which spices go well with roast chicken?
How do I sharpen a kitchen knife at home?
Is it safe to eat rice that was left out overnight?
Suggest three breakfasts that can be made in under five minutes.
What temperature should the oven be for roasting vegetables?
How many calories are in a banana?
What wine goes with grilled fish?
hi, how are you?
Good morning! What can you do?
thanks, that was very helpful
Tell me a joke about cats.
I am bored. What should I do this afternoon?
Tell me something interesting that I probably don't know.
Are you a real person?
What is your favourite colour?
I had a really bad day at work and just want to talk.
Can you keep a secret?
Help me come up with a name for my new puppy.
What should I give my sister for her birthday?
How do I apologise to a friend whom I let down?
My flatmate never washes the dishes. How do I bring it up politely?
ok
continue
Can you explain that again in simpler words?
no, I meant the second one
Please make it shorter.
Explain this.
Explain this to me.
Summarise this.
Summarise this for me.
Translate this into English.
Translate the text into English.
Give me a compliment.
What is 17 times 23?
Solve for x: 3x + 7 = 25
A train travels 240 km in three hours. What is its average speed?
What is the derivative of x squared times sin x?
Explain the Pythagorean theorem with an example.
What is the probability of rolling two sixes with two dice?
Convert 72 degrees Fahrenheit to Celsius.
If a shirt costs $40 and is reduced by 15 %, what do I pay?
How many seconds are there in a week?
Find the area of a circle with a radius of 5 cm.
What is a prime number?
Explain standard deviation in plain language.
Simplify the fraction 84/126.
How do I calculate compound interest?
What is the next number: 2, 6, 12, 20, 30?
Plan a three-day trip to a city by the sea with two small children.
What should I pack for a week of hiking in the mountains?
Do I need a visa for a short holiday abroad?
How early should I be at the airport for an international flight?
What is the best time of the year to visit Japan?
Recommend a quiet beach that is easy to reach by train.
How do I get over jet lag quickly?
Write an email to a hotel and ask for a late check-out.
Is it cheaper to rent a car or to take the train across Italy?
Which museums in Paris are free on Sundays?
What is the time difference between London and New York?
Is tap water safe to drink in most European countries?
What are some good road trip snacks?
How do I find cheap flights?
What are the main news of the day?
Summarise this article in three sentences.
Who won the match last night?
What is the weather like tomorrow?
Explain what inflation means for an ordinary household.
What are the arguments for and against nuclear energy?
How does an election with proportional representation work?
Why do petrol prices go up and down?
What does a central bank do?
Rewrite this headline so that it is less dramatic.
How do I check whether a news story is true?
Who is the author?
Who is the author of this book?
Who is the author of the text above?
Who wrote this?
Who wrote it?
Who wrote this poem?
What is this book about?
Who are the main characters in the story?
Summarise the plot of the novel that we read in class.
Recommend a good mystery novel for a long flight.
Which film should I watch tonight with my parents?
Who directed this film?
What kind of music helps with concentration?
Write a short poem about autumn leaves.
Write a bedtime story about a dragon that is afraid of the dark.
What makes a good opening sentence?
Explain the difference between a metaphor and a simile.
Write a limerick about a lazy dog.
How do I learn to play the guitar?
Write a birthday message for a colleague.
Continue this story: The door was open when I came home.
Who painted this picture?
Where and when was he born?
Who is this person?
Who is he?
Who is she?
When was she born?
What is she known for?
Tell me about his life.
Tell me about yourself.
What are the author's most famous works?
When was the company founded, and by whom?
What genre does she write in?
Has the writer won any awards?
What did his parents do for a living?
Is he married, and does he have children?
Write a cover letter for a job as a nurse.
Improve this sentence: I am writing you for to ask about the job.
How do I ask my manager for a raise?
Draft a polite reminder about an unpaid invoice.
Write minutes for a meeting about the office move.
Which questions should I ask at the end of a job interview?
Make this email sound more friendly.
Translate "Where is the nearest pharmacy?" into Spanish.
Correct the grammar in the following paragraph.
Write an out-of-office reply for two weeks in August.
Create a table that compares three phone plans.
Turn these notes into five bullet points.
How do I stop putting things off?
Write a product description for a wooden desk lamp.
Suggest a title for a presentation about teamwork.
Give me feedback on this essay about school uniforms.
What does "as soon as practicable" mean in a contract?
What is the difference between an employee and a contractor?
How do I cancel a gym membership?
Can my landlord raise the rent in the middle of the lease?
How do I write a simple will?
How does photosynthesis work?
Why is the sky blue?
What is the largest planet in the solar system?
How do vaccines work?
What causes the tides?
Why do leaves change colour?
What is the capital of Australia?
How far away is the moon?
What is the boiling point of alcohol?
How do magnets work?
Explain gravity to a child.
What is the difference between weather and climate?
How do birds find their way when they migrate?
Why do cats purr?
What is DNA made of?
How old is the earth?
When did the Second World War end?
Why did the Roman Empire fall?
What was life like in a medieval town?
Who invented the telephone?
What is the population of Brazil?
Which is the longest river in the world?
How many bones are there in the human body?
How does a refrigerator keep food cold?
What is the best exercise for lower back pain?
I have had a headache for two days. When should I see a doctor?
How many hours of sleep does a teenager need?
Make me a beginner's plan for running five kilometres.
Is coffee bad for your heart?
What are the side effects of ibuprofen?
How do I treat a mild sunburn?
How can I calm down before an exam?
What is a balanced diet?
Why do I get hiccups?
How often should I change my toothbrush?
How often should I water a cactus?
My lawn has brown patches. What can I do?
When is the best time to prune an apple tree?
How do I remove a red wine stain from a carpet?
My washing machine does not drain. What could it be?
How do I hang a heavy mirror on a plaster wall?
Which paint do I need for a bathroom?
How do I get rid of ants in the kitchen?
What size of rug fits under a table for six?
How do I teach my dog to come when I call?
What do I feed a kitten of eight weeks?
set an alarm for seven tomorrow morning
turn off the lights in the living room
remind me to call mum at six
what time is it in tokyo
add milk and bread to my shopping list
play some relaxing music
how long is my drive to work today
what is on my calendar for friday
cheap running shoes size 44
best laptop under 800 dollars
symptoms of low iron
how to tie a tie
phone battery drains fast
used bikes near me
public holidays this year
population of cities in canada
how to save money every month
easy halloween costumes
bus timetable airport
What is a good budget for a family of four?
Should I pay off my loan early or invest the money?
How does a mortgage work?
What is the difference between a stock and a bond?
How do I file my taxes for the first time?
What is a credit score?
Explain the offside rule in football.
How many players are there in a volleyball team?
Who holds the world record in the marathon?
What are good stretches after a long bike ride?
Explain the rules of chess to a beginner.
How do I get better at table tennis?
How do I choose a bicycle for commuting?
Play twenty questions with me.
Give me five riddles for children.
Quiz me on European capitals.
You are a helpful assistant. Answer briefly.
You are a travel agent. Ask me three questions about my next holiday.
Classify the sentiment of this review: "The room was clean, but the staff was rude."
Extract all email addresses from the text below.
Is the following statement true or false? Sound travels faster in water than in air.
Answer with A, B, C or D: Which gas do plants take in?
List the key points of the passage.
Generate ten user names for a cooking blog.
Écris un courriel pour demander un rendez-vous chez le dentiste.
Quelle est la recette des crêpes ?
Comment apprendre l'anglais rapidement ?
Quel temps fera-t-il demain ?
Explique-moi la différence entre « c'est » et « il est ».
Qui a écrit ce livre ?
Donne-moi des idées de cadeaux pour un enfant de huit ans.
Combien d'eau faut-il boire par jour ?
Schreibe eine kurze Entschuldigung für die Schule.
Wie viel Wasser brauche ich für ein Kilo Kartoffeln?
Was ist der Unterschied zwischen „das“ und „dass“?
Wie kündige ich meinen Handyvertrag?
Erkläre mir, wie ein Elektromotor funktioniert.
Welche Sehenswürdigkeiten gibt es in Wien?
Wer ist der Autor dieses Buches?
Nenne mir drei einfache Gerichte mit Reis.
¿Cómo se dice «buenos días» en alemán?
Escribe un poema corto sobre el mar.
¿Cuál es la capital de Perú?
¿Qué puedo hacer para dormir mejor?
Dame una receta fácil de tortilla de patatas.
¿Quién escribió esta novela?
Explica la regla de tres con un ejemplo.
¿Cuánto cuesta vivir en Madrid?
Scrivi una lettera di reclamo per un pacco in ritardo.
Come si prepara il risotto ai funghi?
Qual è la differenza tra clima e tempo?
Consigliami un libro da leggere in vacanza.
Come posso imparare a programmare?
Como faço pão de queijo?
Escreva um convite para uma festa de aniversário.
Qual é o maior país da América do Sul?
Quais são os benefícios da caminhada?
Hoe maak ik een goede kop koffie?
Schrijf een korte brief aan mijn huisbaas over de verwarming.
Wat is de hoofdstad van Canada?
Jak ugotować ryż na sypko?
Napisz krótkie życzenia urodzinowe dla babci.
Hur lång tid tar det att gå en mil?
Jak se řekne „děkuji“ anglicky?
Kolik je hodin v New Yorku?
Πώς φτιάχνω ελληνική σαλάτα;
İstanbul'da bir günde nereleri gezebilirim?
Bana kısa bir hikâye yazar mısın?
Как приготовить борщ?
Напиши поздравление с днём рождения для коллеги.
Почему небо голубое?
Чем отличается список от кортежа в Python?
Кто написал эту книгу?
Як вивчити англійську мову вдома?
كيف أتعلم اللغة الإنجليزية بسرعة؟
ما هي عاصمة كندا؟
اكتب رسالة قصيرة لصديق مريض.
איך מכינים חומוס בבית?
अच्छी नींद के लिए क्या करना चाहिए?
मुझे चाय बनाने की विधि बताओ।
भारत की राजधानी क्या है?
怎么做西红柿炒鸡蛋？
用一句话解释什么是人工智能。
帮我写一封请假的邮件。
这本书的作者是谁？
北京明天的天气怎么样？
二次方程式の解き方を教えてください。
東京でおすすめの観光地はどこですか？
上司へのお礼のメールを書いてください。
この本の著者は誰ですか？
김치찌개 만드는 법을 알려 주세요.
영어 공부를 어떻게 시작하면 좋을까요?
오늘 저녁에 뭐 먹을까?
Làm thế nào để nấu phở tại nhà?
Viết một đoạn văn ngắn về mùa xuân.
Bagaimana cara membuat nasi goreng?
Apa ibu kota Australia?
"""

ORDINARY_PROMPTS: tuple[str, ...] = tuple(_PROMPTS.strip().splitlines())
"""In 22 languages, most of them English; two flagged are proof of more than 1 in 1,000 (``scope_check``)."""
