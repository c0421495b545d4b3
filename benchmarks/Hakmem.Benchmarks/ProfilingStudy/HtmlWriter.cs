using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Text;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>Writes a report as one HTML file that refers to no other.</summary>
internal static class HtmlWriter
{
    private const string Style = """
        :root { color-scheme: light dark; --ink: #1c2430; --paper: #ffffff; --line: #d5dbe3; --soft: #f4f6f9; --ours: #2f6fd0; --bar: #9bb8e3; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --paper: #14181f; --line: #343c48; --soft: #1c222c; --ours: #6ea1f0; --bar: #3d5c8f; } }
        body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto; padding: 2rem; max-width: 1500px; }
        h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
        p { max-width: 60rem; }
        .scroll { overflow-x: auto; margin: 1rem 0; }
        table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
        caption { text-align: left; font-weight: 600; padding: .3rem 0; }
        th, td { border: 1px solid var(--line); padding: .25rem .5rem; text-align: right; white-space: nowrap; }
        th { background: var(--soft); white-space: normal; }
        th:first-child, td:first-child, .words td, .words th { text-align: left; white-space: normal; }
        .charts { display: flex; flex-wrap: wrap; gap: 2rem; }
        svg { width: 720px; max-width: 100%; }
        svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
        svg .title { font-weight: 600; font-size: 13px; }
        svg .label { text-anchor: end; }
        svg .first { fill: var(--ours); }
        svg .bar { fill: var(--bar); }
        svg .spread { stroke: var(--ink); stroke-width: 1.5; }
        """;

    /// <summary>The whole document.</summary>
    public static string Write(Report report)
    {
        StringBuilder html = new();
        html.Append($"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{Encode(report.Title)}</title>");
        html.Append($"<meta name=\"viewport\" content=\"width=device-width\"><style>{Style}</style></head><body><h1>{Encode(report.Title)}</h1>");
        foreach (ReportSection section in report.Sections)
        {
            html.Append($"<h2>{Encode(section.Heading)}</h2>");
            html.AppendJoin("", section.Paragraphs.Select(paragraph => $"<p>{Encode(paragraph)}</p>"));
            html.Append($"<div class=\"charts\">{string.Concat(section.Charts.Select(chart => chart.ToSvg()))}</div>");

            // Tables of figures stand beside charts; others are words.
            string kind = section.Charts.Count > 0 ? "" : " class=\"words\"";
            foreach (ReportTable table in section.Tables)
            {
                html.Append($"<div class=\"scroll\"><table{kind}><caption>{Encode(table.Caption)}</caption><thead>{Row(table.Headers, "th")}</thead>");
                html.Append($"<tbody>{string.Concat(table.Rows.Select(row => Row(row, "td")))}</tbody></table></div>");
            }
        }

        return html.Append("</body></html>\n").ToString();
    }

    private static string Row(IReadOnlyList<string> cells, string tag) =>
        $"<tr>{string.Concat(cells.Select(cell => $"<{tag}>{Encode(cell)}</{tag}>"))}</tr>";

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
