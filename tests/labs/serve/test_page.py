"""The page in a browser: a digit drawn with the mouse, a picture dropped, an error."""

import os
import shutil
import threading

import pytest

from labs.cnn.own_pictures import PICTURES


def chromium() -> str:
    """The browser's program: the environment's CHROMIUM, or the first of the usual names that is there."""
    named = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    found = next((shutil.which(name) for name in named if name and shutil.which(name)), None)
    return found or pytest.skip("no Chromium is installed")


@pytest.mark.browser
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("token", ["", "sesame"])
def test_what_is_drawn_and_dropped_is_read(ask, token, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    import uvicorn

    from labs.serve.command import listen

    app = ask(token=token).app
    listening = listen("127.0.0.1", 0)
    place = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, ws="none", log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        with playwright.sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            page = browser.new_page()
            elsewhere = []
            page.on("request", lambda request: elsewhere.append(request.url))
            page.goto(f"{place}/draw#token={token}" if token else f"{place}/")
            page.wait_for_selector("#pictures:not([hidden])")
            box = page.locator("#canvas canvas").bounding_box()
            page.mouse.move(box["x"] + 100, box["y"] + 50)
            page.mouse.down()
            page.mouse.move(box["x"] + 100, box["y"] + 300, steps=5)
            page.mouse.up()
            page.locator("#picture-said", has_text="It says: wide").wait_for()
            assert page.locator("#picture-bars td").all_inner_texts()[::3] == ["wide", "narrow"]
            page.set_input_files("#file", PICTURES / "1.png")
            page.select_option("#picture-network", index=2)  # the one that finds a corner
            page.locator("#boxes rect").wait_for(state="attached")
            assert page.locator("#boxes rect").get_attribute("width") == "349"  # half of 698
            page.set_input_files("#file", __file__)
            page.wait_for_selector("#trouble:not([hidden])")
            assert "no picture that can be read" in page.locator("#trouble").inner_text()
            page.screenshot(path=tmp_path / "page.png")
            page.click("#to-api")
            page.wait_for_selector("section")
            assert "POST /detect" in page.locator("main").inner_text()
            assert all(url.startswith((place, "blob:", "data:")) for url in elsewhere), elsewhere
            browser.close()
    finally:
        server.should_exit = True
        thread.join(10)
