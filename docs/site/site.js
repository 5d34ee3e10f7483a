// Completes the pages of mdBook: the links of the site in the menu bar, and Mermaid diagrams.
"use strict";

(() => {
    const links = document.querySelector(".site-links");
    document.querySelector(".right-buttons").append(links);

    const blocks = document.querySelectorAll("code.language-mermaid");
    if (blocks.length === 0) return;
    const { classList, lang } = document.documentElement;
    const isDark = ["navy", "coal", "ayu"].some((theme) => classList.contains(theme));
    // Mermaid is large, so only a page with a diagram loads it.
    const script = document.createElement("script");
    script.src = `${path_to_root}${lang === "fr" ? "../" : ""}mermaid.min.js`;
    script.addEventListener("load", () => {
        for (const block of blocks) {
            const diagram = document.createElement("div");
            diagram.className = "mermaid";
            diagram.textContent = block.textContent;
            block.parentElement.replaceWith(diagram);
        }
        mermaid.initialize({ startOnLoad: false, theme: isDark ? "dark" : "default" });
        mermaid.run();
    });
    document.head.append(script);
})();
