namespace Hakmem.WebService;

// A row of the export: made up, and the same for the same number.
internal readonly record struct ExportRow(int Id, string Name, decimal Price, bool InStock)
{
    private static readonly string[] s_names = ["bolt", "nut", "washer", "bracket", "hinge", "screw", "spring", "clamp"];

    public static ExportRow Of(int id) => new(id, s_names[id % s_names.Length], (id % 10_000) / 100m, id % 3 != 0);
}
