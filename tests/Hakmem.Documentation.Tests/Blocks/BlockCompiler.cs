using System;
using System.Collections.Immutable;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Emit;
using Microsoft.CodeAnalysis.Text;

namespace Hakmem.Documentation.Tests.Blocks;

// Compiles a block against what this program runs with, as a project with nullable references, unsafe code and warnings as errors.
internal static class BlockCompiler
{
    private static readonly ImmutableArray<MetadataReference> s_references = [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
        .Split(Path.PathSeparator).Select(path => MetadataReference.CreateFromFile(path))];

    // What the SDK turns off in every project: that an assembly was built against an older framework.
    private static readonly ImmutableDictionary<string, ReportDiagnostic> s_sdkOptions = ImmutableDictionary<string, ReportDiagnostic>.Empty
        .Add("CS1701", ReportDiagnostic.Suppress).Add("CS1702", ReportDiagnostic.Suppress);

    // The assembly and its symbols, both at their start. Throws InvalidDataException with each finding's place in the document.
    public static (MemoryStream Assembly, MemoryStream Symbols) Compile(CodeBlock block)
    {
        CSharpCompilation compilation = CSharpCompilation.Create(
            BlockSource.ClassOf(block),
            [Parse(BlockSource.Wrap(block), block.Document), Parse(BlockContext.Of(block).ImplicitUsings, "ImplicitUsings.cs")],
            s_references,
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable,
                specificDiagnosticOptions: s_sdkOptions));
        MemoryStream assembly = new();
        MemoryStream symbols = new();
        EmitResult result = compilation.Emit(assembly, symbols, options: new EmitOptions(debugInformationFormat: DebugInformationFormat.PortablePdb));
        string[] findings = [.. result.Diagnostics.Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning).Select(Describe)];
        if (findings.Length > 0 || !result.Success)
        {
            throw new InvalidDataException(string.Join(Environment.NewLine, findings));
        }

        assembly.Position = 0;
        symbols.Position = 0;
        return (assembly, symbols);
    }

    private static SyntaxTree Parse(string source, string path) => CSharpSyntaxTree.ParseText(
        SourceText.From(source, Encoding.UTF8), new CSharpParseOptions(LanguageVersion.Latest), path);

    private static string Describe(Diagnostic diagnostic)
    {
        FileLinePositionSpan place = diagnostic.Location.GetMappedLineSpan();
        return $"{place.Path}({place.StartLinePosition.Line + 1}): {diagnostic.Id} {diagnostic.GetMessage(System.Globalization.CultureInfo.InvariantCulture)}";
    }
}
