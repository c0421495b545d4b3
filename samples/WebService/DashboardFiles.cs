using System.IO;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Hakmem.WebService;

// The page, its script and its style, which are in the assembly.
internal static class DashboardFiles
{
    public static void Map(WebApplication app)
    {
        MapFile(app, "/", "index.html", "text/html; charset=utf-8");
        MapFile(app, "/dashboard.js", "dashboard.js", "text/javascript; charset=utf-8");
        MapFile(app, "/charts.js", "charts.js", "text/javascript; charset=utf-8");
        MapFile(app, "/heapmap.js", "heapmap.js", "text/javascript; charset=utf-8");
        MapFile(app, "/dashboard.css", "dashboard.css", "text/css; charset=utf-8");
        MapFile(app, "/favicon.svg", "favicon.svg", "image/svg+xml");
    }

    private static void MapFile(WebApplication app, string path, string name, string type) => app.MapGet(path, (HttpResponse response) =>
    {
        // Nothing from elsewhere may be loaded, and nothing needs to be.
        response.Headers.ContentSecurityPolicy = "default-src 'self'";
        Stream file = typeof(DashboardFiles).Assembly.GetManifestResourceStream(name)
            ?? throw new FileNotFoundException($"The assembly has no resource {name}.");
        return Results.Stream(file, type);
    });
}
