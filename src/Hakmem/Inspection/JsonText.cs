using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Hakmem.Reports;

namespace Hakmem.Inspection;

// Writes JSON: the smallest target of the library has no JSON in its framework. Members and items are written one after
// the other, and the writer puts the commas between them.
internal sealed class JsonText
{
    private readonly StringBuilder _text = new();
    private bool _needsComma;

    public JsonText Object(Action write) => Nest('{', write, '}');

    public JsonText Array<T>(IEnumerable<T> items, Action<T> write) => Nest(
        '[',
        () =>
        {
            foreach (T item in items)
            {
                write(item);
            }
        },
        ']');

    public JsonText Name(string name)
    {
        Text(name);
        _text.Append(':');
        _needsComma = false;
        return this;
    }

    public JsonText Text(string value)
    {
        Separate();
        ReportJson.AppendText(_text, value);
        return this;
    }

    public JsonText Number(long value) => Raw(value.ToString(CultureInfo.InvariantCulture));

    public JsonText Number(double value) => Raw(value.ToString("0.###", CultureInfo.InvariantCulture));

    public JsonText Truth(bool value) => Raw(value ? "true" : "false");

    // What is JSON already.
    public JsonText Raw(string json)
    {
        Separate();
        _text.Append(json);
        return this;
    }

    public override string ToString() => _text.ToString();

    private JsonText Nest(char open, Action write, char close)
    {
        Separate();
        _text.Append(open);
        _needsComma = false;
        write();
        _text.Append(close);
        _needsComma = true;
        return this;
    }

    private void Separate()
    {
        if (_needsComma)
        {
            _text.Append(',');
        }

        _needsComma = true;
    }
}
