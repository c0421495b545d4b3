using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Text;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>
/// Horizontal bars of medians with a line from the least to the most, as SVG text that needs no other file.
/// </summary>
/// <param name="Title">A line above the bars.</param>
/// <param name="Bars">The bars, from above, each with its text; the first is what the others are compared with.</param>
internal sealed record BarChart(string Title, IReadOnlyList<(string Label, Spread Value, string Text)> Bars)
{
    private const int LabelWidth = 170;
    private const int BarWidth = 430;
    private const int TextWidth = 120;
    private const int RowHeight = 22;
    private const int BarHeight = 14;
    private const int TitleHeight = 30;

    /// <summary>Draws it.</summary>
    public string ToSvg()
    {
        double most = Math.Max(double.Epsilon, Bars.Max(bar => bar.Value.Most));
        int height = TitleHeight + (RowHeight * Bars.Count) + (RowHeight / 2);
        StringBuilder svg = new();
        Append(svg, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {LabelWidth + BarWidth + TextWidth} {height}\" role=\"img\" aria-label=\"{WebUtility.HtmlEncode(Title)}\">");
        Append(svg, $"<text class=\"title\" x=\"0\" y=\"18\">{WebUtility.HtmlEncode(Title)}</text>");
        for (int row = 0; row < Bars.Count; row++)
        {
            (string label, Spread value, string text) = Bars[row];
            double top = TitleHeight + (row * RowHeight);
            double middle = top + (BarHeight / 2.0);
            double end = Scale(value.Median, most);
            Append(svg, $"<text class=\"label\" x=\"{LabelWidth - 8}\" y=\"{middle + 4:0.#}\">{WebUtility.HtmlEncode(label)}</text>");
            Append(svg, $"<rect class=\"{(row == 0 ? "first" : "bar")}\" x=\"{LabelWidth}\" y=\"{top:0.#}\" width=\"{end:0.#}\" height=\"{BarHeight}\"/>");
            Append(svg, $"<line class=\"spread\" x1=\"{LabelWidth + Scale(value.Least, most):0.#}\" x2=\"{LabelWidth + Scale(value.Most, most):0.#}\" y1=\"{middle:0.#}\" y2=\"{middle:0.#}\"/>");
            Append(svg, $"<text class=\"value\" x=\"{LabelWidth + Scale(value.Most, most) + 6:0.#}\" y=\"{middle + 4:0.#}\">{WebUtility.HtmlEncode(text)}</text>");
        }

        return svg.Append("</svg>").ToString();
    }

    private static double Scale(double value, double most) => value / most * BarWidth;

    private static void Append(StringBuilder svg, FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture));
}
