from sessions_app.domain.diagram import PAGE, with_diagram


def test_the_lifecycle_page_shows_the_table_as_it_is() -> None:
    page = PAGE.read_text()
    assert with_diagram(page) == page
    assert "    initialized --> executing\n" in page
