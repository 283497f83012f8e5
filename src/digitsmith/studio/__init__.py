"""A page to make digits and to play against a GAN; the models run in the browser.

`catalogue` says what the studio is made of, `export` writes that as a static site, `app` and `serve` serve it on the
user's machine. The page itself is `static/`: plain modules of JavaScript, one stylesheet, and the runtime for models.
"""
